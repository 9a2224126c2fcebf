package smoke

import (
	"errors"
	"fmt"
	"testing"
)

func TestErrorsCanBeToldApart(t *testing.T) {
	err := fmt.Errorf("emit %q: %w", "chat", TooLargeError{Size: 5, Limit: 3})
	var large TooLargeError
	if !errors.As(err, &large) || large.Size != 5 || large.Limit != 3 {
		t.Error(err)
	}
	err = &DialError{Addr: "10.0.0.1:1", Err: fmt.Errorf("hello: %w", ErrOtherNetwork)}
	var dial *DialError
	if !errors.Is(err, ErrOtherNetwork) || errors.Is(err, ErrFull) || !errors.As(err, &dial) || dial.Addr != "10.0.0.1:1" {
		t.Error(err)
	}
}

func TestIDsAreParsedAsTheyPrint(t *testing.T) {
	id := ID{1, 2, 3}
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Error(got, err)
	}
	if _, err := ParseID("xyz"); err == nil {
		t.Error("xyz is no id")
	}
}
