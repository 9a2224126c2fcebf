package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Errors of [Read], as the Err of an [fs.PathError].
var (
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLarge   = errors.New("far too large")
)

// Read reads a whole file of at most most bytes. A file that is none, such as a pipe or a device,
// is an error: a pipe could make the caller wait, and a device has no end. Errors are
// *[fs.PathError].
func Read(path string, most int64) ([]byte, error) {
	text, _, err := ReadMode(path, most)
	return text, err
}

// ReadMode is Read for a caller that checks the mode of the file too.
func ReadMode(path string, most int64) ([]byte, fs.FileMode, error) {
	// Without nonBlocking, opening a pipe waits for its writer.
	f, err := os.OpenFile(path, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat() // of the file that is open, which may have replaced another one
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = &fs.PathError{Op: "read", Path: path, Err: ErrTooLarge}
	}
	if err != nil {
		return nil, 0, err
	}
	return text, info.Mode(), nil
}

// IsPublic reports whether every user of the machine can access a file with this mode. A group that
// can read a file may be meant, as in a container whose secrets have a group of their own.
func IsPublic(mode fs.FileMode) bool { return hasModes && mode.Perm()&0o007 != 0 }

// IsPrivate reports whether only its owner can read a file with this mode. On Windows it can't be
// seen from the mode, and IsPrivate returns true.
func IsPrivate(mode fs.FileMode) bool { return !hasModes || mode.Perm()&0o077 == 0 }
