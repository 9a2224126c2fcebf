package report

// colours are those of the contestants: the ideals are grey, ours are warm, the others are cold.
var colours = map[string]string{
	"tree": "#404040", "tree-msgpack": "#999999",
	"smoke": "#d62728", "smoke-typed": "#ff7f0e", "smoke-tls": "#8c564b",
	"nats": "#1f77b4", "nats-cluster": "#17a2b8", "nats-cluster-32": "#8fd3e0",
	"redis": "#2ca02c", "memberlist": "#9467bd", "memberlist-queue": "#c5b0d5",
}
