// Go's BulkIndexer (go-elasticsearch, esutil) with its defaults, fed documents that are bytes
// already: `bulk ADDRESS FILE`. FILE has a line of JSON with _index, _id and version, then the
// document's line, and so on. Takes a turn for each line on stdin, and answers with a line of JSON.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"syscall"
	"time"

	"github.com/elastic/go-elasticsearch/v9"
	"github.com/elastic/go-elasticsearch/v9/esutil"
)

type document struct {
	Index   string `json:"_index"`
	ID      string `json:"_id"`
	Version int64  `json:"version"`
	body    []byte
}

type turn struct {
	Records int     `json:"records"`
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"`
}

func main() {
	client, err := elasticsearch.New(elasticsearch.WithAddresses(os.Args[1]))
	check(err)
	documents := read(os.Args[2])
	fmt.Println("ready")
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		check(json.NewEncoder(os.Stdout).Encode(index(client, documents)))
	}
}

func read(path string) []document {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	var documents []document
	for lines.Scan() {
		var one document
		check(json.Unmarshal(lines.Bytes(), &one))
		if !lines.Scan() {
			log.Fatal("an action without its document")
		}
		one.body = bytes.Clone(lines.Bytes())
		documents = append(documents, one)
	}
	check(lines.Err())
	return documents
}

func index(client *elasticsearch.Client, documents []document) turn {
	began, before := time.Now(), used()
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{Client: client})
	check(err)
	for i := range documents {
		one := &documents[i]
		check(indexer.Add(context.Background(), esutil.BulkIndexerItem{
			Action:      "index",
			Index:       one.Index,
			DocumentID:  one.ID,
			Version:     &one.Version,
			VersionType: "external_gte",
			Body:        bytes.NewReader(one.body),
		}))
	}
	check(indexer.Close(context.Background()))
	stats := indexer.Stats()
	if stats.NumFlushed != uint64(len(documents)) || stats.NumFailed != 0 {
		log.Fatalf("%d of %d documents written, %d failed", stats.NumFlushed, len(documents), stats.NumFailed)
	}
	return turn{len(documents), time.Since(began).Seconds(), used() - before}
}

func used() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	nanoseconds := usage.Utime.Nano() + usage.Stime.Nano()
	return float64(nanoseconds) / 1e9
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
