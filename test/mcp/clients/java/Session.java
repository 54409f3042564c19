import io.modelcontextprotocol.client.McpAsyncClient;
import io.modelcontextprotocol.client.McpClient;
import io.modelcontextprotocol.client.transport.HttpClientStreamableHttpTransport;
import io.modelcontextprotocol.json.McpJsonDefaults;
import io.modelcontextprotocol.json.McpJsonMapper;
import io.modelcontextprotocol.json.TypeRef;
import io.modelcontextprotocol.spec.McpSchema.CallToolRequest;
import io.modelcontextprotocol.spec.McpSchema.ReadResourceRequest;
import io.modelcontextprotocol.spec.McpSchema.SubscribeRequest;
import io.modelcontextprotocol.spec.McpSchema.TextContent;
import io.modelcontextprotocol.spec.McpSchema.TextResourceContents;
import io.modelcontextprotocol.spec.McpSchema.Tool;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

/** Talks to the service through the official Java SDK, and writes what came of each step. Argument: the address. */
public class Session {
  static final McpJsonMapper JSON = McpJsonDefaults.getMapper();

  final List<Double> progress = Collections.synchronizedList(new ArrayList<>());
  final CountDownLatch updated = new CountDownLatch(1);
  final McpAsyncClient client;

  Session(String address, String token) {
    URI uri = URI.create(address);
    String path = uri.getRawPath() + (uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery());
    var transport = HttpClientStreamableHttpTransport.builder(uri.getScheme() + "://" + uri.getAuthority())
        .endpoint(path)
        .openConnectionOnStartup(true)
        .httpRequestCustomizer((request, method, to, body, context) -> {
          if (token != null) request.header("Authorization", "Bearer " + token);
        })
        .build();
    client = McpClient.async(transport)
        .requestTimeout(Duration.ofSeconds(60))
        .progressConsumer(told -> Mono.fromRunnable(() -> progress.add(told.progress())))
        .resourcesUpdateConsumer(contents -> Mono.fromRunnable(updated::countDown))
        .build();
    client.initialize().block();
  }

  String call(String name, Map<String, Object> arguments, Object progressToken) {
    var request = CallToolRequest.builder().name(name).arguments(arguments);
    if (progressToken != null) request.progressToken(progressToken);
    var result = client.callTool(request.build()).block();
    String text = result.content().stream()
        .map(block -> block instanceof TextContent one ? one.text() : "")
        .collect(Collectors.joining());
    if (Boolean.TRUE.equals(result.isError())) throw new IllegalStateException(text);
    return text;
  }

  String read(String uri) {
    var contents = client.readResource(new ReadResourceRequest(uri)).block().contents();
    return ((TextResourceContents) contents.get(0)).text();
  }

  boolean isTold(String name) throws InterruptedException {
    client.subscribeResource(new SubscribeRequest("operation://" + name)).block();
    call("cancel_operation", Map.of("operation_id", name), null);
    return updated.await(10, TimeUnit.SECONDS);
  }

  /** Gives a call up, which this SDK does without telling the server. */
  String cancel(int size) throws InterruptedException {
    Map<String, Object> arguments = Map.of("datasetSize", size);
    var request = CallToolRequest.builder().name("processData").arguments(arguments).build();
    var ended = new CountDownLatch(1);
    var calling = client.callTool(request).doOnSuccess(result -> ended.countDown()).subscribe();
    Thread.sleep(400);
    calling.dispose();
    return ended.getCount() == 0 ? "ended" : "cancelled";
  }

  /** Calls every tool that the test names; what is not "ok" is the error. */
  Map<String, String> callAll(String name) throws Exception {
    String text = System.getenv("CLIENT_TOOLS").replace("$ID", name);
    List<List<Object>> tools = JSON.readValue(text, new TypeRef<List<List<Object>>>() {});
    Map<String, String> called = new LinkedHashMap<>();
    for (List<Object> tool : tools) {
      String outcome = "ok";
      try {
        call((String) tool.get(0), JSON.convertValue(tool.get(1), new TypeRef<Map<String, Object>>() {}), null);
      } catch (RuntimeException error) {
        outcome = String.valueOf(error.getMessage());
      }
      called.put((String) tool.get(0), outcome);
    }
    return called;
  }

  String again() {
    return call("get_item", Map.of("item_id", 8), null);
  }

  static void say(Map<String, Object> what) throws Exception {
    System.out.println(JSON.writeValueAsString(what));
  }

  public static void main(String[] args) throws Exception {
    String token = System.getenv("CLIENT_TOKEN");
    Session session = new Session(args[0], token);
    String name = "real-" + ProcessHandle.current().pid();
    Map<String, Object> said = new LinkedHashMap<>();
    said.put("listed", session.client.listTools().block().tools().stream().map(Tool::name).toList());
    said.put("item", session.call("get_item", Map.of("item_id", 7), null));
    session.call("processData", Map.of("datasetSize", 12), "counted");
    said.put("progress", List.copyOf(session.progress));
    Map<String, Object> created = Map.of("operation_type", "real", "operation_id", name);
    said.put("created", session.call("create_operation", created, null));
    said.put("read", session.read("operation://" + name));
    said.put("updated", session.isTold(name));
    said.put("cancelled", session.cancel(Integer.parseInt(System.getenv("CLIENT_SIZE"))));
    Session other = new Session(System.getenv("CLIENT_QUERY_URL"), null);
    said.put("called", Map.of("header", session.callAll(name + "-header"), "query", other.callAll(name + "-query")));
    say(said);
    System.in.read();
    // The service has been restarted meanwhile.
    boolean same = true;
    String again;
    try {
      again = session.again();
    } catch (RuntimeException error) {
      same = false;
      again = new Session(args[0], token).again();
    }
    say(Map.of("same", same, "again", again));
    System.exit(0);
  }
}
