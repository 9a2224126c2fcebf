package main

import (
	"os"
	"syscall"
)

var setConsoleMode = syscall.NewLazyDLL("kernel32.dll").NewProc("SetConsoleMode")

// prepareConsole makes the console interpret escape sequences. If a console is too old for
// that, it prints them.
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
