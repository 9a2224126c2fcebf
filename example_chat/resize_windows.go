package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// prepareConsole asks the console to obey escape sequences. One that is too old
// for it says no, and shows them; there is nothing better to do about it.
func prepareConsole(out *os.File) {
	console := windows.Handle(out.Fd())
	var mode uint32
	if windows.GetConsoleMode(console, &mode) == nil {
		_ = windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}

// watchSize does nothing: a console sends no signal when its size changes.
func watchSize(func()) (unwatch func()) { return func() {} }
