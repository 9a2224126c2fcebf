package impure

import (
	"fmt"
	"net"     // want "imports net"
	"os"      // want "imports os"
	"reflect" // want "imports reflect"
	"sync"    // want "imports sync"
	"unsafe"  // want "imports unsafe"
)

var lock sync.Mutex
var pool sync.Pool // want "sync.Pool is more than a lock"

func world() {
	lock.Lock()
	_, _ = pool.Get(), net.ParseIP("")
	fmt.Println(os.Args, reflect.TypeOf(lock), unsafe.Sizeof(1)) // want "fmt.Println does I/O"
	println()                                                    // want "println does I/O"
}
