package archtest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// linked lists the modules that command smoke links, each with its reason. A module that
// is new here costs each user of the command its size, and its trust.
var linked = map[string]string{
	"github.com/jpillora/backoff":         "the curve of retries",
	"github.com/sirupsen/logrus":          "logging",
	"github.com/spf13/cobra":              "the commands of the command line",
	"github.com/spf13/pflag":              "its flags",
	"github.com/vmihailenco/msgpack/v5":   "arguments of types that encode themselves",
	"github.com/vmihailenco/tagparser/v2": "used by msgpack",
	"golang.org/x/sys":                    "used by x/term and logrus",
	"golang.org/x/term":                   "the width of a terminal, and passwords",
	"golang.org/x/time":                   "rate limits",
}

// heavy lists modules that were linked once, or that only tests and other programs may
// link. They would be refused as new ones anyway; the reason says what to do instead.
var heavy = map[string]string{
	"gonum.org/v1/plot":                   "draw with internal/svg: fonts, LaTeX and PDF are 7 MB",
	"github.com/prometheus/client_golang": "write with internal/exposition: protobuf is 3 MB",
	"google.golang.org/protobuf":          "3 MB",
	"github.com/chromedp/chromedp":        "a browser is for tests",
	"go.opentelemetry.io/otel":            "traces are for programs that have them",
	"github.com/stretchr/testify":         "it is for tests",
}

func TestTheCommandLinksFewModules(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/smoke")
	list.Dir, list.Stderr = root(t), os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, path := range strings.Fields(string(out)) {
		found[path] = true
	}
	delete(found, module)
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if why := heavy[path]; why != "" {
			t.Errorf("cmd/smoke links %s: %s", path, why)
		} else if linked[path] == "" {
			t.Errorf("cmd/smoke links %s, which is not in the list: give the reason there, or do without", path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(linked)) {
		if !found[path] {
			t.Errorf("the list has %s, and cmd/smoke does not link it", path)
		}
	}
}

// mostCommand is the size in bytes that command smoke may have with its symbols and debug
// information, on every platform and with every version of Go. On linux/amd64 with Go
// 1.26 it has 15.9 MB. The parts that cost most were the plots of gonum (7.3 MB), the
// library of Prometheus (3.2 MB) and the client of net/http (0.6 MB).
const mostCommand = 16 << 20

func TestTheCommandIsSmall(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "smoke")
	build := exec.Command("go", "build", "-o", binary, "./cmd/smoke")
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", file.Size())
	if file.Size() > mostCommand {
		t.Errorf("cmd/smoke has %d bytes, and %d are allowed: `go tool nm -size -sort size` shows what they are", file.Size(), mostCommand)
	}
}
