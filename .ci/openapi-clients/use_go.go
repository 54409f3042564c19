// The client that OpenAPI Generator makes for Go, doing the same.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"reflect"
	"time"

	opstream "opstream.test/generated/client"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func check(is bool, what ...any) {
	if !is {
		log.Fatal(what...)
	}
}

func main() {
	configuration := opstream.NewConfiguration()
	configuration.Servers = opstream.ServerConfigurations{{URL: os.Args[1]}}
	client := opstream.NewAPIClient(configuration)
	ctx := context.Background()
	open := func() string {
		body := opstream.NewCreateOperationDto("build")
		body.SetMetadata(map[string]any{"a": 1})
		opened, _, err := client.OperationsAPI.CreateOperation(ctx).CreateOperationDto(*body).Execute()
		must(err)
		// In 32 bits it would be a minute off.
		age := float64(time.Now().UnixMilli())/1000 - float64(opened.StartedAt)
		check(math.Abs(age) < 10, "started_at is off by ", age)
		return opened.OperationId
	}
	for _, result := range []any{map[string]any{"ok": true}, []any{1.0, "two"}, "text", 4.5, false} {
		id := open()
		_, _, err := client.EventsAPI.EmitProgress(ctx, id).ProgressDto(*opstream.NewProgressDto(0.5)).Execute()
		must(err)
		_, _, err = client.EventsAPI.EmitResult(ctx, id).ResultDto(*opstream.NewResultDto(result)).Execute()
		must(err)
		read, _, err := client.OperationsAPI.GetOperation(ctx, id).Execute()
		must(err)
		check(read.Status == "completed" && reflect.DeepEqual(read.Result, result), read.Status, read.Result)
		history, _, err := client.OperationsAPI.GetHistory(ctx, id).Execute()
		must(err)
		check(len(history.Events) == 4, len(history.Events))
		_, answer, err := client.EventsAPI.EmitLog(ctx, id).LogDto(*opstream.NewLogDto("late")).Execute()
		check(err != nil && answer.StatusCode == 409, err)
		var failed *opstream.GenericOpenAPIError
		check(errors.As(err, &failed), err)
		problem, is := failed.Model().(opstream.ProblemDto)
		check(is && problem.Code == "operation_ended" && problem.AdditionalProperties["state"] == "completed", fmt.Sprint(failed.Model()))
		_, err = client.OperationsAPI.DeleteOperation(ctx, id).Execute()
		must(err)
	}
	id := open()
	lines, err := os.CreateTemp("", "lines")
	must(err)
	defer os.Remove(lines.Name())
	_, err = lines.WriteString("one\ntwo\n")
	must(err)
	_, err = lines.Seek(0, 0)
	must(err)
	receipt, _, err := client.EventsAPI.EmitLines(ctx, id).Body(lines).Execute()
	must(err)
	check(receipt.Recorded == 2, receipt.Recorded)
	// Without a body, and with the type of one.
	cancelled, _, err := client.EventsAPI.CancelOperation(ctx, id).Execute()
	must(err)
	check(cancelled.Status == "cancelled" && cancelled.EventCount == 4, cancelled.Status, cancelled.EventCount)
}
