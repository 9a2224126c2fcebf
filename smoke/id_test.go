package smoke

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// go doc shows no methods of an alias, and no value of a constant that refers to another
// package. The comments that give them must be true.
func TestWhatGoDocCannotShow(t *testing.T) {
	if NoAddress != handshake.NoAddress {
		t.Errorf("NoAddress is %q, and the handshake takes %q", NoAddress, handshake.NoAddress)
	}
	text, err := os.ReadFile("id.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := reflect.TypeFor[*ID]()
	for i := range methods.NumMethod() {
		if name := methods.Method(i).Name; !strings.Contains(string(text), "ID) "+name+"(") {
			t.Errorf("the comment of ID does not list %s", name)
		}
	}
	if listed := strings.Count(string(text), "//	func ("); listed != methods.NumMethod() {
		t.Errorf("the comment of ID lists %d methods of %d", listed, methods.NumMethod())
	}
}
