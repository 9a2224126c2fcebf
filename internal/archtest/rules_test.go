package archtest

// pureStd lists the packages of the standard library that pure packages may import:
// packages that only compute. Some of them contain a few functions that do more; impure
// lists those.
var pureStd = []string{
	"bytes", "cmp", "container/heap", "container/list", "crypto/ed25519", "crypto/sha256",
	"encoding/base64", "encoding/binary", "encoding/hex", "errors", "fmt", "hash", "hash/crc32", "hash/fnv",
	"io", "iter", "maps", "math", "math/bits", "math/rand/v2", "net/netip", "slices", "sort",
	"strconv", "strings", "time", "unicode", "unicode/utf8",
}

// pureExceptions lists files that may import more. A state machine has one caller and
// needs no lock; a file with a lock here is also called by programs.
var pureExceptions = map[string][]string{
	"peerlist/peerlist.go":         {"sync"},         // programs read the Peerlist from any goroutine
	"internal/plumtree/streams.go": {"hash/maphash"}, // no peer may know the slot of a stream, and no result depends on it
}

// impure lists functions and variables of packages in pureStd (and of sync, for the
// exceptions), with the reason. The name "*" stands for every name at package level
// that notImpure does not list.
var impure = map[string]map[string]string{
	"time": {
		"Now": "reads the clock", "Since": "reads the clock", "Until": "reads the clock",
		"Sleep": "waits", "After": "starts a timer", "AfterFunc": "starts a timer", "Tick": "starts a timer",
		"NewTimer": "starts a timer", "NewTicker": "starts a timer",
		"Local": "depends on the machine", "LoadLocation": "depends on the machine",
	},
	"math/rand/v2":   {"*": "draws from the random source of the process"},
	"crypto/ed25519": {"GenerateKey": "may draw from the random source of the system"},
	"fmt": {
		"Print": "does I/O", "Printf": "does I/O", "Println": "does I/O",
		"Scan": "does I/O", "Scanf": "does I/O", "Scanln": "does I/O",
	},
	"io":   {"Pipe": "is a meeting of goroutines"},
	"iter": {"Pull": "starts a coroutine", "Pull2": "starts a coroutine"},
	"sync": {"*": "is more than a lock"},
}

// notImpure lists the exceptions from a "*" of impure.
var notImpure = map[string][]string{
	"math/rand/v2": {"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "PCG", "ChaCha8", "Zipf", "Source"},
	"sync":         {"Mutex", "RWMutex"},
}

// unordered lists functions that iterate over a map in its random order.
var unordered = []string{"All", "Keys", "Values", "DeleteFunc"}

// orderComment permits a loop over a map. The reason follows it.
const orderComment = "order does not matter:"
