// gorilla/websocket follows one operation on the hub. Arguments: the address, the operation, and the seq to begin after.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/gorilla/websocket"
)

type message struct {
	EventType string `json:"event_type"`
	Seq       int    `json:"seq"`
	Data      struct {
		Message string `json:"message"`
	} `json:"data"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	after, err := strconv.Atoi(os.Args[3])
	must(err)
	dialer := websocket.Dialer{EnableCompression: true}
	socket, answer, err := dialer.Dial(os.Args[1], nil)
	must(err)
	fmt.Println(answer.Header.Get("Sec-WebSocket-Extensions"))
	subscribe := map[string]any{"command": "subscribe", "operation_id": os.Args[2], "after_seq": after}
	must(socket.WriteJSON(subscribe))
	for {
		_, text, err := socket.ReadMessage()
		must(err)
		var one message
		must(json.Unmarshal(text, &one))
		if one.Seq == 0 {
			continue
		}
		line, err := json.Marshal([]any{one.Seq, one.EventType, one.Data.Message})
		must(err)
		fmt.Println(string(line))
		if one.EventType == "completed" {
			break
		}
	}
	must(socket.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")))
	_, _, err = socket.ReadMessage()
	fmt.Println(websocket.IsCloseError(err, websocket.CloseNormalClosure))
}
