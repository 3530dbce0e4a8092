package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func run(t *testing.T, folder, name string, words ...string) string {
	t.Helper()
	command := exec.Command(name, words...)
	command.Dir = folder
	var complaint strings.Builder
	command.Stderr = &complaint
	said, err := command.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, words, err, &complaint)
	}
	return string(said)
}

func text(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// From nothing to a denied call with its reason, as the README says it.
func TestTheReadme(t *testing.T) {
	ambit, host := os.Getenv("AMBIT_COMMAND"), filepath.Dir(must(os.Getwd()))
	if ambit == "" {
		t.Fatal("AMBIT_COMMAND is not set: it names the command `ambit`")
	}
	readme, program := text(t, filepath.Join(host, "README.md")), text(t, "main.go")
	body := program[strings.Index(program, "func main() {\n")+len("func main() {\n") : strings.Index(program, "\n}\n\nfunc must")]
	body = strings.ReplaceAll("\n"+body, "\n\t", "\n")[1:]
	if !strings.Contains(readme, "```go\n"+body+"\n```\n") {
		t.Errorf("the README does not have:\n%s", body)
	}
	// A project of `ambit init`, and in it a module of Go that takes the package from where it was built.
	folder := filepath.Join(t.TempDir(), "shop")
	run(t, ".", ambit, "init", folder)
	for _, line := range strings.Split(readme, "\n") {
		for _, command := range strings.Split(line, " && ") {
			if words := strings.Fields(command); len(words) > 2 && words[0] == "ambit" && words[1] != "init" {
				command, file, _ := strings.Cut(command, " > ")
				said := run(t, folder, ambit, strings.Fields(command)[1:]...)
				if file != "" {
					must(0, os.WriteFile(filepath.Join(folder, file), []byte(said), 0o600))
				}
			}
		}
	}
	must(0, os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600))
	run(t, folder, "go", "mod", "init", "shop")
	run(t, folder, "go", "work", "init", ".")
	run(t, folder, "go", "work", "use", "-r", host)
	said := run(t, folder, "go", "run", ".")
	wanted := strings.ReplaceAll(strings.Join(strings.Fields(said), " "), "\n", " ")
	if !strings.HasPrefix(said, "403 capability.power ") || !strings.Contains(strings.Join(strings.Fields(readme), " "), wanted) {
		t.Errorf("it says:\n%s", said)
	}
}
