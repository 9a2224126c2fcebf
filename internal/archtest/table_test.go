package archtest

// module is the name of the module; imports of it are written without it here.
const module = "github.com/smokesignal-go/smokesignal"

// row says what one package may import in addition to the standard library.
type row struct {
	pkg   string // its folder
	floor int
	may   []string // packages of the module by folder, others by module path
	tests []string // what its tests may import in addition to that, and to anyTest
	why   string

	// planned marks a package that does not exist yet. The commit that adds the package
	// removes the mark.
	planned bool
}

// Libraries, each with the reason why it is used.
const (
	backoff = "github.com/jpillora/backoff"       // the curve of every retry
	msgpack = "github.com/vmihailenco/msgpack/v5" // what users send
	logrus  = "github.com/sirupsen/logrus"        // the log
	term    = "golang.org/x/term"                 // a prompt that incoming lines do not tear
	rate    = "golang.org/x/time/rate"            // limits on what a peer may ask
	cobra   = "github.com/spf13/cobra"            // the command, its flags and completions
	pflag   = "github.com/spf13/pflag"            // cobra's own flags
	scripts = "github.com/rogpeppe/go-internal"   // what a person types, as tests
	ws      = "github.com/coder/websocket"        // the web-sockets of an example
	yaml    = "go.yaml.in/yaml/v3"                // to look at what is deployed; in tests only

	chromedp = "github.com/chromedp/chromedp" // a real browser for the page; in tests and in the program that records it
	cdproto  = "github.com/chromedp/cdproto"  // the words that chromedp and the browser speak; in tests only

	otel       = "go.opentelemetry.io/otel"            // the API of traces; its SDK is in tests only, since the choice is the program's
	prometheus = "github.com/prometheus/client_golang" // the registry that a program has already
)

// anyTest is what every test may import.
var anyTest = []string{
	"go.uber.org/goleak", // no goroutine is left
	"pgregory.net/rapid", // random histories that shrink
	"internal/sim",       // the virtual network
	"transport/mem",      // the network in memory
}

// houseTable lists all packages, floor by floor.
var houseTable = []row{
	{pkg: "ident", floor: -1, why: "names are plain values, under everything"},
	{pkg: "internal/retry", floor: 0, may: []string{backoff}, why: "one curve for all that is tried again"},
	{pkg: "internal/batch", floor: 0, why: "many events in one slice of bytes; whoever carries, stores or opens them agrees on it"},
	{
		pkg: "internal/frame", floor: 0, may: []string{"ident"},
		tests: []string{"internal/overlay", "internal/wire", "internal/hyparview", "smoke"}, // nodes and machines speak a protocol that only the test knows
		why:   "kinds, fields and the table of kinds: what each protocol needs to own its frames",
	},
	{pkg: "internal/signed", floor: 1, may: []string{"ident", "internal/frame"}, why: "signatures in the bodies of events; to verify one is a computation"},
	{pkg: "internal/redact", floor: 0, why: "texts without what could be a secret, for errors and for the log"},
	{pkg: "internal/roster", floor: 0, why: "hooks in their order; who has some, on any floor, keeps them alike"},
	{pkg: "internal/ranges", floor: 0, why: "numbers that have not arrived, for ledgers"},
	{pkg: "internal/progress", floor: 3, may: []string{term}, why: "one line of progress for all that take long"},
	{pkg: "internal/svg", floor: 3, why: "pictures of figures, for the command and for the comparison"},
	{pkg: "internal/histogram", floor: 0, why: "quantiles of durations, wherever they were measured"},

	{
		pkg: "internal/hyparview", floor: 1, may: []string{"ident", "internal/frame", "internal/retry"},
		why: "membership knows nodes and dials that fail, and nothing of broadcast or frames",
	},
	{
		pkg: "netsplit", floor: 1, may: []string{"ident", "internal/frame", "internal/retry"},
		why: "beacons and probes; links are somebody else's business",
	},
	{
		pkg: "internal/plumtree", floor: 1, may: []string{"ident", "internal/frame", "internal/retry", "internal/batch", rate},
		why: "broadcast hears of neighbours by two events, not by asking membership",
	},
	{
		pkg: "internal/census", floor: 1, may: []string{"ident", "internal/frame", "internal/retry", rate},
		why: "counting nodes needs only who asks and who answers",
	},

	{
		pkg: "internal/flowcontrol", floor: 1, may: []string{"ident", "internal/frame", "internal/retry"},
		why: "slowing down those who emit needs only who asks for it",
	},

	{
		pkg: "internal/overlay", floor: 2,
		may: []string{"ident", "internal/frame", "internal/retry", "internal/hyparview", "netsplit", "internal/plumtree", "internal/census", "internal/flowcontrol"}, tests: []string{"internal/batch"},
		why: "the one place where the machines of floor 1 meet",
	},
	{
		pkg: "internal/wire", floor: 2,
		may:   []string{"ident", "internal/frame", "internal/signed", "internal/plumtree"},
		tests: []string{"internal/batch", "internal/hyparview", "netsplit", "internal/census", "internal/flowcontrol", msgpack}, // the vectors hold every kind; msgpack to compare the pre-check with
		why:   "frames on a link, by the table of kinds; of the protocols it knows GOSSIP alone, for speed; it walks msgpack itself, before any library does",
	},

	{
		pkg: "internal/sim", floor: 3,
		may: []string{"ident", "internal/frame", "internal/retry", "internal/histogram", "internal/batch", "internal/hyparview", "netsplit", "internal/plumtree", "internal/census", "internal/flowcontrol", "internal/overlay", "internal/wire"}, tests: []string{"internal/signed"},
		why: "runs the machines as they are; may weigh frames by their bytes",
	},
	{
		pkg: "internal/scenario", floor: 4,
		may: []string{"ident", "internal/hyparview", "netsplit", "internal/plumtree", "internal/overlay", "internal/sim"},
		why: "what befalls a simulated network, and what it is held against",
	},
	{pkg: "internal/callstack", floor: 3, why: "which function of this module called the program, for those that must not wait for it"},
	{pkg: "internal/logging", floor: 3, may: []string{"internal/callstack", "internal/redact", logrus}, why: "the log of a node, written by the program's logger without waiting for it"},
	{pkg: "internal/files", floor: 3, why: "what a process may open: descriptors for strangers, and files that a configuration names"},
	{pkg: "transport", floor: 3, why: "two methods in the shape of package net"},
	{pkg: "transport/tcp", floor: 3, may: []string{"transport"}, tests: []string{"transport/transporttest"}, why: "one way to have a transport"},
	{pkg: "transport/mem", floor: 3, may: []string{"transport"}, tests: []string{"transport/transporttest"}, why: "one way to have a transport"},
	{pkg: "transport/transporttest", floor: 3, may: []string{"transport"}, why: "checks the contract and knows no transport"},
	{pkg: "trust", floor: 3, may: []string{"ident", "internal/files", "transport"}, why: "keys, certificates and who is let in; it knows connections, and no node"},
	{pkg: "discovery", floor: 3, why: "seeds are text in and addresses out"},
	{pkg: "discovery/dns", floor: 3, may: []string{"discovery"}, why: "one way to look up"},
	{pkg: "internal/codec", floor: 3, may: []string{"internal/wire", msgpack}, why: "Go values to msgpack and back; the library is asked only by types that encode themselves with it"},
	{pkg: "internal/callout", floor: 3, may: []string{"internal/callstack", "internal/logging", "transport"}, tests: []string{logrus}, why: "functions of the program that may hang or panic; it knows no node"},
	{pkg: "internal/untaken", floor: 3, may: []string{"ident", "internal/plumtree"}, why: "which events of a node no neighbour has taken; it knows no link"},
	{pkg: "internal/args", floor: 3, may: []string{"internal/codec", "internal/wire"}, why: "the arguments of an event as one array of bytes; it knows no event and no node"},
	{pkg: "internal/emitter", floor: 3, may: []string{"internal/callstack", "ident", "internal/batch", "internal/wire"}, why: "runs handlers; takes runs of events apart for them"},
	{
		pkg: "internal/handshake", floor: 4, may: []string{"ident", "internal/wire", "transport", "discovery", "trust", rate},
		why: "whether a link is encrypted, HELLO, REFUSE and admission: a node and the command that greets one must decide alike",
	},
	{pkg: "internal/e2e/netlab", floor: 3, why: "a test rig of namespaces, which knows nothing of nodes"},
	{pkg: "internal/e2e/cutproxy", floor: 3, why: "a test rig of sockets, which knows nothing of nodes"},

	{
		pkg: "internal/engine", floor: 4,
		may: []string{
			"ident", "internal/frame", "internal/batch", "internal/signed", "internal/hyparview", "netsplit", "internal/plumtree",
			"internal/overlay", "internal/wire", "internal/emitter", "internal/flowcontrol", "internal/census",
			"internal/callout", "internal/files", "internal/handshake", "internal/logging", "internal/untaken",
			"transport", "transport/tcp", "discovery", "discovery/dns", "trust",
			backoff, rate,
		},
		tests: []string{"transport/mem", logrus},
		why:   "one life of a node: the machine with a network and a clock; not the simulator, which is no part of a program, and not the face",
	},
	{pkg: "peerlist", floor: 4, may: []string{"ident", "internal/roster"}, why: "the list of neighbours that programs see, with its hooks; it knows no protocol"},
	{
		pkg: "smoke", floor: 4,
		may: []string{
			"ident", "internal/engine", "peerlist", "internal/hyparview", "netsplit", "internal/plumtree", "internal/overlay", "internal/census",
			"internal/wire", "internal/emitter", "internal/codec", "internal/roster",
			"internal/args", "internal/callout", "internal/files", "internal/handshake", "internal/logging", "internal/redact",
			"transport", "discovery", "trust",
			logrus,
		},
		tests: []string{"internal/batch", "internal/signed", "internal/e2e/netlab", "internal/e2e/cutproxy", "smoketest", "transport/tcp", msgpack}, // examples of netsplits run in virtual time
		why:   "the public face: options, events, handlers, hooks, figures; what runs is the engine",
	},

	{pkg: "smoketest", floor: 5, may: []string{"smoke", "transport/mem", logrus}, tests: []string{"trust"}, why: "a user's tests run real nodes on a network in memory"},
	{pkg: "internal/meshview", floor: 5, may: []string{"smoke"}, tests: []string{chromedp, cdproto}, why: "the page, over anything that can be asked like a node"},
	{pkg: "dashboard", floor: 5, may: []string{"smoke", "internal/meshview", rate}, tests: []string{"smoketest"}, why: "shows what any program can ask a node"},
	{pkg: "internal/exposition", floor: 5, may: []string{"smoke"}, why: "the list of metrics, and their text for a command that has no registry"},
	{pkg: "metrics", floor: 5, may: []string{"smoke", "internal/exposition", prometheus}, why: "a collector for the registry of a program; no other package knows Prometheus"},
	{pkg: "tracing", floor: 5, may: []string{"smoke", otel}, why: "carries traces in headers, as any program could; nobody else knows OpenTelemetry"},
	{pkg: "internal/loadtest", floor: 5, may: []string{"internal/ranges", "smoke", "internal/histogram"}, why: "measures a network as any program on it could"},
	{
		pkg: "cmd/smoke", floor: 5,
		may: []string{
			"smoke", "trust", "discovery", "discovery/dns", "transport", "transport/tcp", "internal/wire", "internal/files", "internal/handshake", "internal/redact",
			"dashboard", "internal/exposition", "internal/meshview", "internal/census", "netsplit", "internal/loadtest", "internal/scenario", "internal/sim", logrus, term, cobra, pflag, "internal/svg", "internal/progress", "example_chat/room",
		},
		tests: []string{scripts, "ident", "transport/mem"},
		why:   "a user of the face, and the way to run the simulator; to say what listens somewhere it greets without joining, which the face can't",
	},
	{pkg: "cmd/smokelab", floor: 5, may: []string{"internal/e2e/demo", cobra}, tests: []string{scripts}, why: "the rig of processes and namespaces, which the command of users does not link"},
	{pkg: "example_chat/room", floor: 5, may: []string{"smoke"}, why: "the people of a chat, for its two faces"},
	{pkg: "example_chat", floor: 6, may: []string{"dashboard", "example_chat/room", "smoke", logrus, term}, tests: []string{"internal/e2e/netlab", "smoketest", "trust"}, why: "what a program that uses us has to import, and no more; the page of its network is one line"},
	{pkg: "examples/hello", floor: 5, may: []string{"smoke"}, why: "the first program"},
	{pkg: "examples/start", floor: 5, may: []string{"smoke"}, why: "as little as a program can be"},
	{pkg: "examples/metrics", floor: 5, may: []string{"smoke", "metrics", prometheus}, tests: []string{"smoketest"}, why: "what serves figures, and no more"},
	{pkg: "examples/websocket", floor: 5, may: []string{"smoke", ws}, tests: []string{"smoketest"}, why: "an example has to do with what a user can import; its browsers come over transport/mem"},
	{pkg: "examples/cache", floor: 5, may: []string{"smoke"}, tests: []string{"smoketest"}, why: "an example has to do with what a user can import"},
	{pkg: "examples/presence", floor: 5, may: []string{"smoke"}, tests: []string{"smoketest"}, why: "an example has to do with what a user can import"},
	{pkg: "examples/lan", floor: 5, may: []string{"smoke"}, tests: []string{"smoketest"}, why: "an example has to do with what a user can import"},
	{pkg: "examples/recipes", floor: 5, may: []string{"smoke"}, tests: []string{"smoketest"}, why: "pieces of documentation, compiled"},
	{pkg: "deploy", floor: 5, tests: []string{"smoke", "trust", yaml}, why: "files for other programs; the tests hold them against the options of a node"},
	{pkg: "internal/e2e/cluster", floor: 5, may: []string{"smoke", "trust", "internal/hyparview", "internal/e2e/cutproxy"}, why: "real processes that play a network, wherever somebody puts them"},
	{pkg: "internal/e2e/demo", floor: 5, may: []string{"internal/e2e/cluster", "internal/e2e/netlab", "internal/e2e/cutproxy", "internal/progress"}, why: "tells the story with real processes"},
	{pkg: "internal/e2e/real", floor: 5, may: []string{"internal/e2e/cluster", "internal/e2e/netlab", "internal/scenario", "internal/progress"}, why: "measures with real processes what the simulator says of them"},
	{pkg: "internal/e2e/picture", floor: 5, may: []string{chromedp}, why: "records the picture of the README; it runs the command and opens its page, as a person does"},
	{pkg: "internal/archtest", floor: 5, why: "reads the house, and is in nobody's way"},
}
