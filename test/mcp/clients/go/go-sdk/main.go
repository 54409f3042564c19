// The official Go SDK as a client. Arguments: the address, and the revision to begin with where it is not the newest.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"opstream.test/clients/steps"
)

type client struct {
	session  *mcp.ClientSession
	progress atomic.Pointer[func(float64)]
	updated  atomic.Pointer[func()]
}

type withToken string

func (token withToken) RoundTrip(request *http.Request) (*http.Response, error) {
	if token != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+string(token))
	}
	return http.DefaultTransport.RoundTrip(request)
}

func connect(ctx context.Context, url, token string) (steps.Client, error) {
	c := &client{}
	options := &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
			if tell := c.progress.Load(); tell != nil {
				(*tell)(request.Params.Progress)
			}
		},
		ResourceUpdatedHandler: func(context.Context, *mcp.ResourceUpdatedNotificationRequest) {
			if tell := c.updated.Load(); tell != nil {
				(*tell)()
			}
		},
	}
	transport := &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: withToken(token)}}
	session := &mcp.ClientSessionOptions{}
	if len(os.Args) > 2 {
		session.ProtocolVersion = os.Args[2]
	}
	var err error
	c.session, err = mcp.NewClient(&mcp.Implementation{Name: "go-sdk", Version: "1"}, options).Connect(ctx, transport, session)
	return c, err
}

func (c *client) List(ctx context.Context) ([]string, error) {
	names := []string{}
	for tool, err := range c.session.Tools(ctx, nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, tool.Name)
	}
	return names, nil
}

func (c *client) Call(ctx context.Context, name string, arguments map[string]any, progress func(float64)) (string, error) {
	params := &mcp.CallToolParams{Name: name, Arguments: arguments}
	if progress != nil {
		params.SetProgressToken("counted")
		c.progress.Store(&progress)
		defer c.progress.Store(nil)
	}
	result, err := c.session.CallTool(ctx, params)
	if err != nil {
		return "", err
	}
	text := ""
	for _, block := range result.Content {
		if one, is := block.(*mcp.TextContent); is {
			text += one.Text
		}
	}
	if result.IsError {
		return "", errors.New(text)
	}
	return text, nil
}

func (c *client) Read(ctx context.Context, uri string) (string, error) {
	result, err := c.session.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
	if err != nil {
		return "", err
	}
	return result.Contents[0].Text, nil
}

func (c *client) Subscribe(ctx context.Context, uri string, updated func()) error {
	c.updated.Store(&updated)
	return c.session.Subscribe(ctx, &mcp.SubscribeParams{URI: uri})
}

func main() {
	steps.Run(os.Args[1], connect)
}
