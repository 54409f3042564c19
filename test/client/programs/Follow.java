import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/** The JDK's client as it is by default: it offers h2c with its first request. */
class Follow {
  public static void main(String[] args) throws Exception {
    String url = args[0];
    HttpClient client = HttpClient.newHttpClient();
    var create = HttpRequest.newBuilder(URI.create(url + "/api/operations"))
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString("{\"operation_type\":\"java\",\"operation_id\":\"java\"}"))
        .build();
    System.out.println("create " + client.send(create, BodyHandlers.ofString()).statusCode());
    var initialize = HttpRequest.newBuilder(URI.create(url + "/mcp"))
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .POST(HttpRequest.BodyPublishers.ofString("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
            + "\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
            + "\"clientInfo\":{\"name\":\"java\",\"version\":\"1\"}}}"))
        .build();
    System.out.println("mcp " + client.send(initialize, BodyHandlers.ofString()).statusCode());
    var cancel = HttpRequest.newBuilder(URI.create(url + "/api/operations/java/cancel"))
        .POST(HttpRequest.BodyPublishers.noBody())
        .build();
    System.out.println("cancel " + client.send(cancel, BodyHandlers.ofString()).statusCode());
    var stream = HttpRequest.newBuilder(URI.create(url + "/api/operations/followed/stream?after_seq=0")).build();
    long events = client.send(stream, BodyHandlers.ofLines()).body().filter(line -> line.startsWith("data:")
        && !line.contains("\"event_type\":\"position\"")).count();
    System.out.println("events " + events);
    var greeting = new CompletableFuture<String>();
    client.newWebSocketBuilder().buildAsync(URI.create(url.replace("http", "ws") + "/hub"), new WebSocket.Listener() {
      @Override
      public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
        greeting.complete(data.toString());
        return null;
      }
    }).get(10, TimeUnit.SECONDS);
    System.out.println("hub " + greeting.get(10, TimeUnit.SECONDS).contains("connected"));
    System.exit(0);
  }
}
