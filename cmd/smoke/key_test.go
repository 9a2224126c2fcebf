package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

func TestAKeyIsMadeOnceAndShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ann.key")
	if out, err, code := command(t, "key", "show", path); code != 1 || out != "" || !strings.Contains(err, "no such file") {
		t.Errorf("show before: exit %d, %q %q", code, out, err)
	}
	made, err, code := command(t, "key", "new", path)
	id, wrong := smoke.ParseID(strings.TrimSpace(made))
	if code != 0 || err != "" || wrong != nil {
		t.Fatalf("new: exit %d, %q %q", code, made, err)
	}
	if shown, _, code := command(t, "key", "show", path); code != 0 || shown != made {
		t.Errorf("show: exit %d, %q, want %q", code, shown, made)
	}
	var fields map[string]string
	if out, _, code := command(t, "key", "show", "--json", path); code != 0 || json.Unmarshal([]byte(out), &fields) != nil || fields["id"] != id.String() || fields["file"] != path {
		t.Errorf("show --json: exit %d, %q", code, out)
	}
	if out, err, code := command(t, "key", "new", path); code != 1 || out != "" || !strings.Contains(err, "exists already") {
		t.Errorf("new again: exit %d, %q %q", code, out, err)
	}
	if key, err := trust.LoadKey(path); err != nil || key.ID() != id {
		t.Errorf("%v, %v", key, err)
	}
	if _, err, code := command(t, "key", "new", "a", "b"); code != 2 {
		t.Errorf("two files: exit %d, %q", code, err)
	}
}

func TestASecretIsPrinted(t *testing.T) {
	out, err, code := command(t, "key", "secret")
	if code != 0 || err != "" || trust.CheckSecret(strings.TrimSpace(out)) != nil {
		t.Errorf("exit %d, %q %q", code, out, err)
	}
}

// The files of `smoke cert dev` are all that two nodes need to link up.
func TestCertificatesForTryingOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	out, err, code := command(t, "cert", "dev", "--dir", dir, "--nodes", "2")
	if code != 0 || err != "" || strings.Count(out, "\n") != 5 {
		t.Fatalf("exit %d, %q %q", code, out, err)
	}
	var nodes []*smoke.Node
	for _, name := range []string{"node-1", "node-2"} {
		config, err := trust.LoadTLS(filepath.Join(dir, "ca.pem"), filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		node := smoke.CreateNode(smoke.Options{TLS: config, Network: t.Name()})
		if err := node.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := node.Stop(); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, node)
	}
	if err := nodes[0].AddPeer(t.Context(), nodes[1].Addr()); err != nil {
		t.Errorf("two nodes with certificates: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "node-1.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
	if _, err, code := command(t, "cert", "dev", "--dir", dir); code != 1 || !strings.Contains(err, "exists") {
		t.Errorf("again: exit %d, %q", code, err)
	}
	if _, err, code := command(t, "cert", "dev", "--nodes", "0"); code != 2 {
		t.Errorf("no nodes: exit %d, %q", code, err)
	}
}
