// Package steps talks to the service through one client library, and writes what came of each step.
package steps

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// Client is one library behind a few verbs.
type Client interface {
	List(ctx context.Context) ([]string, error)
	// Call gives the text of the result; progress may be nil.
	Call(ctx context.Context, name string, arguments map[string]any, progress func(float64)) (text string, err error)
	Read(ctx context.Context, uri string) (string, error)
	// Subscribe returns once updates are told.
	Subscribe(ctx context.Context, uri string, updated func()) error
}

// Connect opens a session. The token goes into a header where it is not empty.
type Connect func(ctx context.Context, url, token string) (Client, error)

func say(what map[string]any) {
	text, err := json.Marshal(what)
	must(err)
	fmt.Println(string(text))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Run does every step with the service at url.
func Run(url string, connect Connect) {
	ctx := context.Background()
	token := os.Getenv("CLIENT_TOKEN")
	client, err := connect(ctx, url, token)
	must(err)
	name := fmt.Sprintf("real-%d", os.Getpid())
	listed, err := client.List(ctx)
	must(err)
	item, err := client.Call(ctx, "get_item", map[string]any{"item_id": 7}, nil)
	must(err)
	seen := []float64{}
	_, err = client.Call(ctx, "processData", map[string]any{"datasetSize": 12}, func(value float64) { seen = append(seen, value) })
	must(err)
	created, err := client.Call(ctx, "create_operation", map[string]any{"operation_type": "real", "operation_id": name}, nil)
	must(err)
	read, err := client.Read(ctx, "operation://"+name)
	must(err)
	updated := isTold(ctx, client, name)
	say(map[string]any{
		"listed": listed, "item": item, "progress": seen, "created": created, "read": read, "updated": updated,
		"cancelled": cancel(ctx, client),
		"called": map[string]any{
			"header": callAll(ctx, client, name+"-header"),
			"query":  callAll(ctx, connected(connect(ctx, os.Getenv("CLIENT_QUERY_URL"), "")), name+"-query"),
		},
	})
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	// The service has been restarted meanwhile.
	again, same := callAgain(ctx, client), true
	if again == "" {
		same = false
		again = callAgain(ctx, connected(connect(ctx, url, token)))
	}
	say(map[string]any{"same": same, "again": again})
}

func connected(client Client, err error) Client {
	must(err)
	return client
}

func callAgain(ctx context.Context, client Client) string {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	text, err := client.Call(ctx, "get_item", map[string]any{"item_id": 8}, nil)
	if err != nil {
		return ""
	}
	return text
}

func isTold(ctx context.Context, client Client, name string) bool {
	told := make(chan struct{}, 16)
	must(client.Subscribe(ctx, "operation://"+name, func() { told <- struct{}{} }))
	_, err := client.Call(ctx, "cancel_operation", map[string]any{"operation_id": name}, nil)
	must(err)
	select {
	case <-told:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}

func cancel(ctx context.Context, client Client) string {
	ctx, stop := context.WithTimeout(ctx, 500*time.Millisecond)
	defer stop()
	var size int
	must(json.Unmarshal([]byte(os.Getenv("CLIENT_SIZE")), &size))
	if _, err := client.Call(ctx, "processData", map[string]any{"datasetSize": size}, nil); err != nil {
		return "cancelled"
	}
	return "ended"
}

// Calls every tool that CLIENT_TOOLS names; what is not "ok" is an error that the library raised.
func callAll(ctx context.Context, client Client, name string) map[string]string {
	var tools [][2]json.RawMessage
	must(json.Unmarshal([]byte(strings.ReplaceAll(os.Getenv("CLIENT_TOOLS"), "$ID", name)), &tools))
	called := map[string]string{}
	for _, tool := range tools {
		var name string
		var arguments map[string]any
		must(json.Unmarshal(tool[0], &name))
		must(json.Unmarshal(tool[1], &arguments))
		called[name] = "ok"
		if _, err := client.Call(ctx, name, arguments, nil); err != nil {
			called[name] = err.Error()
		}
	}
	return called
}
