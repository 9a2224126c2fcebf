package smoke

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/internal/handshake"
)

// go doc shows the text of a constant, and no methods of an alias. What stands there
// instead must stay true.
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
