// mcp-go as a client. Arguments: the address, and `legacy` for sessions.
package main

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"opstream.test/clients/steps"
)

type session struct {
	client   *client.Client
	progress atomic.Pointer[func(float64)]
	updated  atomic.Pointer[func()]
	listens  chan struct{}
}

func connect(ctx context.Context, url, token string) (steps.Client, error) {
	options := []transport.StreamableHTTPCOption{}
	if token != "" {
		options = append(options, transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
	}
	legacy := len(os.Args) > 2 && os.Args[2] == "legacy"
	more := []client.ClientOption{}
	if legacy {
		options = append(options, transport.WithContinuousListening())
		more = append(more, client.WithLegacyProtocolOnly())
	}
	http, err := transport.NewStreamableHTTP(url, options...)
	if err != nil {
		return nil, err
	}
	s := &session{client: client.NewClient(http, more...), listens: make(chan struct{}, 1)}
	s.client.OnNotification(s.told)
	if err := s.client.Start(ctx); err != nil {
		return nil, err
	}
	request := mcp.InitializeRequest{}
	request.Params.ClientInfo = mcp.Implementation{Name: "mcp-go", Version: "1"}
	request.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	if legacy {
		request.Params.ProtocolVersion = "2025-11-25"
	}
	_, err = s.client.Initialize(ctx, request)
	return s, err
}

func (s *session) told(notification mcp.JSONRPCNotification) {
	switch notification.Method {
	case "notifications/progress":
		value, _ := notification.Params.AdditionalFields["progress"].(float64)
		if tell := s.progress.Load(); tell != nil {
			(*tell)(value)
		}
	case "notifications/subscriptions/acknowledged":
		s.listens <- struct{}{}
	case "notifications/resources/updated":
		if tell := s.updated.Load(); tell != nil {
			(*tell)()
		}
	}
}

func (s *session) List(ctx context.Context) ([]string, error) {
	result, err := s.client.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, tool := range result.Tools {
		names = append(names, tool.Name)
	}
	return names, nil
}

func (s *session) Call(ctx context.Context, name string, arguments map[string]any, progress func(float64)) (string, error) {
	request := mcp.CallToolRequest{}
	request.Params.Name = name
	request.Params.Arguments = arguments
	if progress != nil {
		request.Params.Meta = &mcp.Meta{ProgressToken: "counted"}
		s.progress.Store(&progress)
		defer s.progress.Store(nil)
	}
	result, err := s.client.CallTool(ctx, request)
	if err != nil {
		return "", err
	}
	text := ""
	for _, block := range result.Content {
		if one, is := block.(mcp.TextContent); is {
			text += one.Text
		}
	}
	if result.IsError {
		return "", errors.New(text)
	}
	return text, nil
}

func (s *session) Read(ctx context.Context, uri string) (string, error) {
	request := mcp.ReadResourceRequest{}
	request.Params.URI = uri
	result, err := s.client.ReadResource(ctx, request)
	if err != nil {
		return "", err
	}
	text, _ := result.Contents[0].(mcp.TextResourceContents)
	return text.Text, nil
}

func (s *session) Subscribe(ctx context.Context, uri string, updated func()) error {
	s.updated.Store(&updated)
	if mcp.IsModernProtocol(s.client.ProtocolVersion()) {
		filter := mcp.SubscriptionFilter{ResourceSubscriptions: []string{uri}}
		if _, err := s.client.ListenAsync(context.WithoutCancel(ctx), filter, nil); err != nil {
			return err
		}
		select {
		case <-s.listens:
			return nil
		case <-time.After(10 * time.Second):
			return errors.New("the subscription was not acknowledged")
		}
	}
	request := mcp.SubscribeRequest{}
	request.Params.URI = uri
	return s.client.Subscribe(ctx, request)
}

func main() {
	steps.Run(os.Args[1], connect)
}
