// Loads compose files as Docker Compose does, with the Compose specification's own Go library, and
// says in a line for each set of files what came out; a file that Compose would refuse ends it with
// code 1. `go run . FOLDER FILE[,OVERRIDE...]...`
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/graph"
	"github.com/compose-spec/compose-go/v2/types"
)

func load(ctx context.Context, folder string, files []string) (*types.Project, error) {
	paths := make([]string, len(files))
	for i, file := range files {
		paths[i] = filepath.Join(folder, file)
	}
	options, err := cli.NewProjectOptions(
		paths,
		cli.WithName("emostream"),
		cli.WithWorkingDirectory(folder),
		cli.WithEnvFiles(filepath.Join(folder, ".env")),
		cli.WithDotEnv,
	)
	if err != nil {
		return nil, err
	}
	return cli.ProjectFromOptions(ctx, options)
}

// startOrder walks the dependencies as `up` does; a circle among them is an error.
func startOrder(ctx context.Context, project *types.Project) ([]string, error) {
	var order []string
	err := graph.InDependencyOrder(ctx, project, func(_ context.Context, name string, _ types.ServiceConfig) error {
		order = append(order, name)
		return nil
	}, graph.WithMaxConcurrency(1))
	return order, err
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: go run . FOLDER FILE[,OVERRIDE...]...")
		os.Exit(2)
	}
	folder, err := filepath.Abs(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx := context.Background()
	for _, files := range os.Args[2:] {
		project, err := load(ctx, folder, strings.Split(files, ","))
		var order []string
		if err == nil {
			order, err = startOrder(ctx, project)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", files, err)
			os.Exit(1)
		}
		fmt.Printf("%s: valid; starts %s\n", files, strings.Join(order, ", "))
	}
}
