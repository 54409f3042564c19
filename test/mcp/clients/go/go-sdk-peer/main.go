// The official Go SDK as a peer. Arguments: port, `stateless` or `sessions`.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type echo struct {
	Text string `json:"text"`
}

type count struct {
	To      int `json:"to"`
	EveryMs int `json:"every_ms"`
}

func text(value string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: value}}}
}

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "go-sdk", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Says it again"},
		func(_ context.Context, _ *mcp.CallToolRequest, args echo) (*mcp.CallToolResult, any, error) {
			return text(args.Text), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "count", Description: "Counts with progress and log lines"},
		func(ctx context.Context, request *mcp.CallToolRequest, args count) (*mcp.CallToolResult, any, error) {
			for n := 1; n <= args.To; n++ {
				if token := request.Params.GetProgressToken(); token != nil {
					_ = request.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
						ProgressToken: token, Progress: float64(n), Total: float64(args.To),
					})
				}
				_ = request.Session.Log(ctx, &mcp.LoggingMessageParams{
					Level: "info", Data: fmt.Sprintf("line %d of %d", n, args.To),
				})
				select {
				case <-ctx.Done():
					return nil, nil, ctx.Err()
				case <-time.After(time.Duration(args.EveryMs) * time.Millisecond):
				}
			}
			return text(fmt.Sprintf("counted to %d", args.To)), nil, nil
		})
	options := &mcp.StreamableHTTPOptions{Stateless: os.Args[2] == "stateless"}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, options)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], handler))
}
