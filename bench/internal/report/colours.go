package report

// colours has the colour of each contestant: grey for the ideals, warm for Smokesignal,
// cold for the others.
var colours = map[string]string{
	"tree": "#404040", "tree-msgpack": "#999999",
	"smoke": "#d62728", "smoke-typed": "#ff7f0e", "smoke-tls": "#8c564b",
	"nats": "#1f77b4", "nats-cluster": "#17a2b8", "nats-cluster-32": "#8fd3e0",
	"redis": "#2ca02c", "memberlist": "#9467bd", "memberlist-queue": "#c5b0d5",
}
