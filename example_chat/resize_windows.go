package main

import (
	"os"
	"syscall"
)

var setConsoleMode = syscall.NewLazyDLL("kernel32.dll").NewProc("SetConsoleMode")

// prepareConsole asks the console to obey escape sequences. One that is too old
// for it says no, and shows them; there is nothing better to do about it.
func prepareConsole(out *os.File) {
	const obeyEscapes = 0x0004 // ENABLE_VIRTUAL_TERMINAL_PROCESSING
	console := syscall.Handle(out.Fd())
	var mode uint32
	if syscall.GetConsoleMode(console, &mode) == nil {
		_, _, _ = setConsoleMode.Call(uintptr(console), uintptr(mode|obeyEscapes))
	}
}

// watchSize does nothing: a console sends no signal when its size changes.
func watchSize(func()) (unwatch func()) { return func() {} }
