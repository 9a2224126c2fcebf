package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/trust"
)

// certCommand makes a test authority and certificates.
func certCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "cert",
		Short:   "make test certificates",
		Example: "  smoke cert dev --dir certs --nodes 3 --host 192.168.2.17",
		Args:    argsOf(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(certDevCommand())
	return c
}

func certDevCommand() *cobra.Command {
	var dir string
	var hosts []string
	var nodes int
	c := &cobra.Command{
		Use:   "dev",
		Short: "make a test authority and node certificates",
		Long: `Make a test authority and node certificates: ca.pem, which all
nodes trust, and node-1.pem with node-1.key, and so on, for each. They are valid for 90
days. The authority's key is thrown away: to have more nodes, make all again.`,
		Example: `  smoke cert dev --dir certs --nodes 3 --host 192.168.2.17 --host chat.local

  // in the program
  config, err := trust.LoadTLS("certs/ca.pem", "certs/node-1.pem", "certs/node-1.key")
  node := smoke.CreateNode(smoke.Options{TLS: config, …})`,
		Args: argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if nodes < 1 {
				return usageError{errors.New("--nodes: write 1 or more")}
			}
			written, err := writeDevCertificates(dir, nodes, hosts)
			for _, name := range written {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "output directory; created if missing")
	c.Flags().IntVar(&nodes, "nodes", 1, "number of nodes")
	c.Flags().StringSliceVar(&hosts, "host", []string{"127.0.0.1", "::1", "localhost"}, "addresses and names at which the nodes are dialled")
	return c
}

// writeDevCertificates writes an authority and certificates into a directory. It never
// overwrites files, because nodes may use them.
func writeDevCertificates(dir string, nodes int, hosts []string) (written []string, err error) {
	authority, err := trust.NewDevAuthority()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	write := func(name string, text []byte, mode os.FileMode) {
		if err != nil {
			return
		}
		path := filepath.Join(dir, name)
		file, e := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if e != nil {
			err = e
			return
		}
		_, e = file.Write(text)
		if err = errors.Join(e, file.Close()); err == nil {
			written = append(written, path)
		}
	}
	write("ca.pem", authority.PEM(), 0o644)
	for n := 1; n <= nodes && err == nil; n++ {
		certificate, key, e := authority.Issue(hosts...)
		if e != nil {
			return written, e
		}
		write(fmt.Sprintf("node-%d.pem", n), certificate, 0o644)
		write(fmt.Sprintf("node-%d.key", n), key, 0o600)
	}
	return written, err
}
