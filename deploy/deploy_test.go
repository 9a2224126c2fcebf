// Package deploy holds files for other programs: a service manager, a cluster, an image. Its
// tests check these files against the command, and with those of the other programs that
// are installed.
package deploy

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"debug/elf"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// read reads a file of this folder.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// object is an object in YAML.
type object = map[string]any

// documents parses a YAML file and returns its documents.
func documents(t *testing.T, name string) (all []object) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(read(t, name)))
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, o)
	}
}

// at returns a value inside YAML. In the path, strings are keys and numbers are places in a
// list.
func at[T any](t *testing.T, in any, path ...any) T {
	t.Helper()
	for i, step := range path {
		var next any
		switch step := step.(type) {
		case string:
			o, _ := in.(object)
			next = o[step]
		case int:
			if list, _ := in.([]any); step < len(list) {
				next = list[step]
			}
		}
		if next == nil {
			t.Fatalf("there is no %v", path[:i+1])
		}
		in = next
	}
	v, ok := in.(T)
	if !ok {
		t.Fatalf("%v is %T", path, in)
	}
	return v
}

// texts converts a list to strings.
func texts(list []any) (out []string) {
	for _, v := range list {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

// imageVersion is the version as which the image is built.
const imageVersion = "v1.2.3-4-gabcdef0"

// image is the path of the command, built by the line of the Dockerfile that builds it.
var image = sync.OnceValues(func() (path string, err error) {
	dockerfile, err := os.ReadFile("Dockerfile")
	if err != nil {
		return "", err
	}
	line := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .* -o) /smoke (\./\S+)$`).FindSubmatch(dockerfile)
	if line == nil {
		return "", errors.New("the Dockerfile does not build /smoke")
	}
	dir, err := os.MkdirTemp("", "smoke")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "smoke")
	build := exec.Command("sh", "-c", string(line[1])+` "$0" `+string(line[2]), path)
	build.Dir, build.Env = "..", append(os.Environ(), "VERSION="+imageVersion)
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := image(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// command returns the path of the command.
func command(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("!! NOT TESTED on Windows, only on Unix: these files are for nothing else")
	}
	path, err := image()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// wantCall checks that the command accepts these arguments.
func wantCall(t *testing.T, args []string) {
	t.Helper()
	// Flags are read from left to right, up to the one that asks for help.
	out, err := exec.Command(command(t), append(slices.Clone(args), "--help")...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Usage:\n  smoke "+args[0]) { // otherwise it is the help of smoke itself
		t.Errorf("smoke %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// secret is the content of the file with the secret.
const secret = "4f1c9e02b7d85a63e0f29b14c7863da5"

// wantEnv checks that a node can start with this environment.
func wantEnv(t *testing.T, env map[string]string) smoke.Options {
	t.Helper()
	for name, value := range env {
		if name == "SMOKE_ADDRESS" {
			value = strings.Replace(value, "0/24", "2", 1) // this machine may have no address in the subnet
		}
		if name == "SMOKE_SECRET_FILE" { // the file is not at that path on this machine
			value = filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(value, []byte(secret+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Setenv(name, value)
	}
	o, err := smoke.FromEnv()
	if err != nil {
		t.Error(err)
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	return o
}

func TestTheImageIsOneFile(t *testing.T) {
	path := command(t)
	if runtime.GOOS != "linux" {
		t.Skip("!! NOT TESTED on this system, only on Linux: what is built here is not what is built for an image")
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it needs a dynamic linker, and the image has none")
		}
	}
	dockerfile := read(t, "Dockerfile")
	entry := regexp.MustCompile(`(?m)^CMD \["(\w+)"\]$`).FindStringSubmatch(dockerfile)
	if entry == nil {
		t.Fatal("the image says not what to run")
	}
	wantCall(t, entry[1:])
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if version == nil || !strings.Contains(dockerfile, "\nARG GO_IMAGE=golang:"+version[1]+"\nFROM ${GO_IMAGE} AS build\n") {
		t.Errorf("go.mod wants Go %v", version)
	}
	if !strings.Contains(dockerfile, "GO_IMAGE=golang:"+version[1]+"@sha256:") {
		t.Error("it does not say how to pin the image that it is built with")
	}
}

// An image reports its version, and so do its nodes to all others.
func TestTheImageKnowsItsVersion(t *testing.T) {
	if !regexp.MustCompile(`(?m)^ARG VERSION$`).MatchString(read(t, "Dockerfile")) {
		t.Error("the version can't be passed to the image")
	}
	out, err := exec.Command(command(t), "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "smoke "+imageVersion+", protocol") {
		t.Errorf("it is %s, %v", out, err)
	}
	node := started(t, command(t), "node", "--network", "deploy test", "--http", "127.0.0.1:0", "--json")
	url := node.field(t, "dashboard", "url")
	answer, err := http.Get(url + "api/mesh")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), `"version":"`+imageVersion+`"`) {
		t.Errorf("its node says %s, %v", body, err)
	}
}

// Without further settings, a node in a container of the image listens where other containers
// can reach it.
func TestTheImageIsReached(t *testing.T) {
	env := regexp.MustCompile(`(?m)^ENV (.*)$`).FindStringSubmatch(read(t, "Dockerfile"))
	if env == nil {
		t.Fatal("the image sets no variables")
	}
	for _, assignment := range strings.Fields(env[1]) {
		name, value, _ := strings.Cut(assignment, "=")
		t.Setenv(name, value)
	}
	o, err := smoke.FromEnv()
	if err != nil || o.Listen != "0.0.0.0" || o.Port != 8495 {
		t.Errorf("%+v, %v", o, err)
	}
	t.Setenv("SMOKE_PORT", "0") // any free port, since the default one may be in use
	node := started(t, command(t), "node", "--network", "deploy test", "--json")
	if addr := node.field(t, "ready", "addr"); !strings.HasPrefix(addr, "0.0.0.0:") && !strings.HasPrefix(addr, "[::]:") {
		t.Errorf("it listens on %s", addr)
	}
}

// process is a program that prints JSON.
type process struct{ lines *bufio.Scanner }

// started runs the command until the test ends.
func started(t *testing.T, path string, args ...string) process {
	t.Helper()
	cmd := exec.Command(path, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // returns an error, because the process was killed
	})
	return process{bufio.NewScanner(out)}
}

// field waits for an object and returns one of its fields.
func (p process) field(t *testing.T, what, name string) string {
	t.Helper()
	for p.lines.Scan() {
		var o map[string]any
		if err := json.Unmarshal(p.lines.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		if o["what"] == what {
			text, _ := o[name].(string)
			return text
		}
	}
	t.Fatalf("it ended without %q", what)
	return ""
}

func TestKubernetes(t *testing.T) {
	kinds := make(map[string]object)
	for _, o := range documents(t, "kubernetes.yaml") {
		kinds[at[string](t, o, "kind")] = o
	}
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, []string{"Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"}) {
		t.Fatalf("there are %v", got)
	}
	service, deployment := kinds["Service"], kinds["Deployment"]
	pod := at[object](t, deployment, "spec", "template", "spec")
	container := at[object](t, pod, "containers", 0)
	wantCall(t, texts(at[[]any](t, container, "args")))

	env := make(map[string]string)
	for i := range at[[]any](t, container, "env") {
		v := at[object](t, container, "env", i)
		name := at[string](t, v, "name")
		switch value, ok := v["value"].(string); {
		case ok:
			env[name] = value
		case at[object](t, v, "valueFrom")["fieldRef"] != nil:
			env[name] = "10.0.0.7"
		default:
			t.Errorf("%s comes from a secret: other processes can read the environment", name)
		}
	}
	o := wantEnv(t, env)
	if want := "dns://" + at[string](t, service, "metadata", "name") + ":8495"; !slices.Equal(o.Seeds, []string{want}) {
		t.Errorf("the seeds are %q, and the service is %q", o.Seeds, want)
	}
	if o.Port != at[int](t, service, "spec", "ports", 0, "port") || o.Address != "10.0.0.7" || o.Secret != secret {
		t.Errorf("the node is %+v", o)
	}

	ports := make(map[string]int)
	for i := range at[[]any](t, container, "ports") {
		ports[at[string](t, container, "ports", i, "name")] = at[int](t, container, "ports", i, "containerPort")
	}
	args := texts(at[[]any](t, container, "args"))
	if ports["smoke"] != o.Port || !slices.Contains(args, fmt.Sprint(":", ports["metrics"])) || len(ports) != 2 {
		t.Errorf("the ports are %v", ports)
	}
	// Other machines can't reach the dashboard, which has no login. The probes run inside.
	if page := after(args, "--http"); !strings.HasPrefix(page, "127.0.0.1:") || page != defaultPage {
		t.Errorf("the dashboard is at %q", page)
	}
	for probe, asks := range map[string]string{"readinessProbe": "ready", "livenessProbe": "live"} {
		call := texts(at[[]any](t, container, probe, "exec", "command"))
		if len(call) < 3 || call[0] != "/smoke" || call[1] != "probe" || call[2] != asks {
			t.Fatalf("the %s runs %q", probe, call)
		}
		wantCall(t, call[1:])
		within, err := time.ParseDuration(after(call, "--within"))
		if timeout := at[int](t, container, probe, "timeoutSeconds"); err != nil || within >= time.Duration(timeout)*time.Second {
			t.Errorf("the %s may take %v, %v, and is ended after %d s", probe, within, err, timeout)
		}
	}
	mount, volume := at[object](t, container, "volumeMounts", 0), at[object](t, pod, "volumes", 0)
	if file := env["SMOKE_SECRET_FILE"]; file != fmt.Sprint(mount["mountPath"], "/secret") || mount["name"] != volume["name"] || at[string](t, volume, "secret", "secretName") != "mesh" {
		t.Errorf("the secret is read from %s", file)
	}
	if at[int](t, pod, "securityContext", "fsGroup") != at[int](t, pod, "securityContext", "runAsGroup") || at[int](t, volume, "secret", "defaultMode") != 0o440 {
		t.Error("the node can't read the secret, or others can")
	}
	if at[string](t, kinds["PodDisruptionBudget"], "spec", "unhealthyPodEvictionPolicy") != "AlwaysAllow" {
		t.Error("pods that are not ready, as all are in a cut, keep machines from being drained")
	}
	if port := at[string](t, deployment, "spec", "template", "metadata", "annotations", "prometheus.io/port"); port != fmt.Sprint(ports["metrics"]) {
		t.Errorf("Prometheus is sent to port %s", port)
	}
	let := make(map[string]bool)
	for i := range at[[]any](t, kinds["NetworkPolicy"], "spec", "ingress") {
		let[at[string](t, kinds["NetworkPolicy"], "spec", "ingress", i, "ports", 0, "port")] = true
	}
	if !maps.Equal(let, map[string]bool{"smoke": true, "metrics": true}) {
		t.Errorf("the policy lets in to %v", let)
	}
	wantLimits(t, at[string](t, container, "resources", "limits", "memory"), env["GOMEMLIMIT"])

	labels := at[object](t, deployment, "spec", "template", "metadata", "labels")
	for _, selector := range []object{
		at[object](t, service, "spec", "selector"),
		at[object](t, deployment, "spec", "selector", "matchLabels"),
		at[object](t, kinds["PodDisruptionBudget"], "spec", "selector", "matchLabels"),
		at[object](t, kinds["NetworkPolicy"], "spec", "podSelector", "matchLabels"),
		at[object](t, kinds["NetworkPolicy"], "spec", "ingress", 0, "from", 0, "podSelector", "matchLabels"),
	} {
		if !maps.Equal(selector, labels) {
			t.Errorf("%v does not select pods with %v", selector, labels)
		}
	}
	// Without any one of these settings, the nodes of a user did not find each other.
	if at[string](t, service, "spec", "clusterIP") != "None" || !at[bool](t, service, "spec", "publishNotReadyAddresses") {
		t.Error("the name of the service does not stand for all pods")
	}
	if at[bool](t, pod, "enableServiceLinks") {
		t.Error("services of other names set variables")
	}
}

// defaultPage is the address that smoke probe uses by default.
const defaultPage = "127.0.0.1:8496"

// after returns the argument after a flag.
func after(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// wantLimits checks that Go's memory limit is below the container's, so that the garbage
// collector works harder before the container is killed.
func wantLimits(t *testing.T, limit, goLimit string) {
	t.Helper()
	var hard, soft int
	fmt.Sscanf(limit, "%dM", &hard)
	fmt.Sscanf(goLimit, "%dMiB", &soft)
	if soft < hard/2 || soft >= hard {
		t.Errorf("memory is limited to %s, and GOMEMLIMIT is %s", limit, goLimit)
	}
}

// expand replaces variables by the defaults that Compose uses if they are not set.
func expand(text string) string {
	return regexp.MustCompile(`\$\{\w+:-([^}]*)\}`).ReplaceAllString(text, "$1")
}

// A secret that is made with openssl, on a machine without smoke, is valid.
func TestASecretWithoutSmoke(t *testing.T) {
	for _, name := range []string{"kubernetes.yaml", "compose.yaml", "../docs/deploy.md"} {
		if text := read(t, name); !strings.Contains(text, "openssl rand -base64 32") || strings.Contains(text, `secret="$(smoke key`) {
			t.Errorf("%s needs smoke to make a secret", name)
		}
	}
	random := make([]byte, 32)
	for range 100 {
		rand.Read(random)
		if err := trust.CheckSecret(base64.StdEncoding.EncodeToString(random)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCompose(t *testing.T) {
	all := documents(t, "compose.yaml")
	if len(all) != 1 {
		t.Fatalf("there are %d documents", len(all))
	}
	node := at[object](t, all[0], "services", "node")
	wantCall(t, texts(at[[]any](t, node, "command")))
	env := make(map[string]string)
	for name, value := range at[object](t, node, "environment") {
		text, ok := value.(string)
		if !ok {
			t.Errorf("%s is no text", name)
		}
		env[name] = expand(text)
	}
	subnet := at[string](t, all[0], "networks", "mesh", "ipam", "config", 0, "subnet")
	if !strings.Contains(subnet, "${MESH_SUBNET:-") {
		t.Error("a subnet that is taken on this machine can't be replaced")
	}
	if subnet = expand(subnet); env["SMOKE_ADDRESS"] != subnet {
		t.Errorf("the address is in %s, the network is %s", env["SMOKE_ADDRESS"], subnet)
	}
	if o := wantEnv(t, env); !slices.Equal(o.Seeds, []string{"dns://node:8495"}) || o.Secret != secret {
		t.Errorf("the node is %+v", o)
	}
	check := texts(at[[]any](t, node, "healthcheck", "test"))
	if len(check) < 4 || check[0] != "CMD" || check[1] != "/smoke" || check[3] != "127.0.0.1:"+env["SMOKE_PORT"] {
		t.Fatalf("the health check is %q", check)
	}
	wantCall(t, check[2:])
	args := texts(at[[]any](t, node, "command"))
	name := texts(at[[]any](t, node, "secrets"))[0]
	if file := "/run/secrets/" + name; env["SMOKE_SECRET_FILE"] != file {
		t.Errorf("the secret is in %s, and not read from there: %q", file, env["SMOKE_SECRET_FILE"])
	}
	if file := expand(at[string](t, all[0], "secrets", name, "file")); file != "./secret" {
		t.Errorf("the secret is %s", file)
	}
	if !strings.HasPrefix(after(args, "--http"), "127.0.0.1:") {
		t.Errorf("whatever is in the network reads the dashboard: %q", args)
	}
	if _, ok := at[object](t, node, "build", "args")["VERSION"]; !ok {
		t.Error("the image does not learn its version")
	}
	wantLimits(t, at[string](t, node, "deploy", "resources", "limits", "memory"), env["GOMEMLIMIT"])
	if file := at[string](t, node, "build", "dockerfile"); file != "deploy/Dockerfile" {
		t.Errorf("it is built by %s", file)
	}
}

func TestSystemd(t *testing.T) {
	unit := read(t, "smoke.service")
	for _, line := range regexp.MustCompile(`(?m)/usr/local/bin/smoke [^'\n]*`).FindAllString(unit, -1) {
		args := strings.Fields(line)[1:]
		for i := range args {
			args[i] = strings.Trim(args[i], `"`)
		}
		wantCall(t, args)
	}
	path := filepath.Join(t.TempDir(), "smoke.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(unit, "/usr/local/bin/smoke", command(t))), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("!! there is no systemd-analyze: smoke.service is NOT verified")
	}
	verify := exec.Command("systemd-analyze", "verify", "--man=no", path)
	var complaints bytes.Buffer
	verify.Stdout, verify.Stderr = &complaints, &complaints
	if err := verify.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("%v\n%s", err, &complaints)
	}
}

// The commands on the pages must work.
func TestThePagesNameWhatThereIs(t *testing.T) {
	variable := regexp.MustCompile(`\bSMOKE_[A-Z]+(?:_[A-Z]+)*\b`)
	call := regexp.MustCompile(`(?m)^(?:\$ )?(?:sudo )?smoke ([a-z][^#|>&\n]*)`)
	for _, name := range []string{
		"kubernetes.yaml", "smoke.service", "compose.yaml", "Dockerfile",
		"../docs/deploy.md", "../docs/first-steps.md", "../docs/recipes.md",
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text := read(t, name)
			for _, v := range variable.FindAllString(text, -1) {
				t.Setenv(v, "")
			}
			o, err := smoke.FromEnv()
			if err != nil || len(o.Warnings()) > 0 {
				t.Error(err, o.Warnings())
			}
			for _, args := range call.FindAllStringSubmatch(text, -1) {
				wantCall(t, strings.Fields(args[1]))
			}
		})
	}
}
