// Package deploy holds files for other programs: a service manager, a cluster, an image.
// Its tests hold them against the command as it is, and against those of these programs
// that are there.
package deploy

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/smokesignal-go/smokesignal/smoke"
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

// object is something in YAML.
type object = map[string]any

// documents takes a YAML file apart.
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

// at goes down into YAML: strings are keys, numbers are places in a list.
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

// texts makes strings of a list.
func texts(list []any) (out []string) {
	for _, v := range list {
		s, _ := v.(string)
		out = append(out, s)
	}
	return out
}

// image is the command, made by the line of the Dockerfile that makes it.
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
	build.Dir = ".."
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

// command is the path of the command.
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

// wantCall wants the command to know how it is called.
func wantCall(t *testing.T, args []string) {
	t.Helper()
	// Flags are read from left to right, up to the one that asks for help.
	out, err := exec.Command(command(t), append(slices.Clone(args), "--help")...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Usage:\n  smoke "+args[0]) { // else it is the help of smoke itself
		t.Errorf("smoke %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// wantEnv wants a node to be able to start with this environment.
func wantEnv(t *testing.T, env map[string]string) smoke.Options {
	t.Helper()
	for name, value := range env {
		if name == "SMOKE_ADDRESS" {
			value = strings.Replace(value, "0/24", "2", 1) // of a subnet, which this machine need not have
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

const secret = "4f1c9e02b7d85a63e0f29b14c7863da5"

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
	if version == nil || !strings.Contains(dockerfile, "FROM golang:"+version[1]+" AS build") {
		t.Errorf("go.mod wants Go %v", version)
	}
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
			env[name] = secret
		}
	}
	o := wantEnv(t, env)
	if want := "dns://" + at[string](t, service, "metadata", "name") + ":8495"; !slices.Equal(o.Seeds, []string{want}) {
		t.Errorf("the seeds are %q, and the service is %q", o.Seeds, want)
	}
	if o.Port != at[int](t, service, "spec", "ports", 0, "port") || o.Secret != secret || o.Address != "10.0.0.7" {
		t.Errorf("the node is %+v", o)
	}

	ports := make(map[string]int)
	for i := range at[[]any](t, container, "ports") {
		ports[at[string](t, container, "ports", i, "name")] = at[int](t, container, "ports", i, "containerPort")
	}
	if ports["smoke"] != o.Port || ports["http"] != 8496 || !slices.Contains(texts(at[[]any](t, container, "args")), ":8496") {
		t.Errorf("the ports are %v", ports)
	}
	for probe, path := range map[string]string{"readinessProbe": "readyz", "livenessProbe": "livez"} {
		get := at[object](t, container, probe, "httpGet")
		if get["path"] != "/debug/smoke/"+path || get["port"] != "http" {
			t.Errorf("the %s asks for %v", probe, get)
		}
	}

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
	// Each of these has kept somebody's nodes apart.
	if at[string](t, service, "spec", "clusterIP") != "None" || !at[bool](t, service, "spec", "publishNotReadyAddresses") {
		t.Error("the name of the service does not stand for all pods")
	}
	if at[bool](t, pod, "enableServiceLinks") {
		t.Error("services of other names set variables")
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
		if strings.HasPrefix(text, "${"+name+":?") {
			text = secret
		}
		env[name] = text
	}
	subnet := at[string](t, all[0], "networks", "mesh", "ipam", "config", 0, "subnet")
	if env["SMOKE_ADDRESS"] != subnet {
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

// What the pages tell people to type has to work.
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
			if _, err := smoke.FromEnv(); err != nil {
				t.Error(err)
			}
			for _, args := range call.FindAllStringSubmatch(text, -1) {
				wantCall(t, strings.Fields(args[1]))
			}
		})
	}
}
