// A server with the tools, resources and prompts that the official conformance suite asks for, made with the official SDK:
// of revision 2026-07-28 without sessions, of the older ones with them. Argument: the folder in which the SDK is installed.
// Says its port.
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";

const require = createRequire(`${process.argv[2]}/`);
const sdk = require("@modelcontextprotocol/server");

const text = (words) => ({ content: [{ type: "text", text: words }] });
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const image = { type: "image", data: PNG, mimeType: "image/png" };
const resource = (uri, mimeType, words) => ({ type: "resource", resource: { uri, mimeType, text: words } });

// Questions, as they stand within an answer.
const form = (message, properties) => ({
  method: "elicitation/create",
  params: { message, requestedSchema: { type: "object", properties, required: Object.keys(properties) } },
});
const sample = (words, maxTokens) => ({
  method: "sampling/createMessage",
  params: { messages: [{ role: "user", content: { type: "text", text: words } }], maxTokens },
});
const roots = { method: "roots/list", params: {} };
const named = form("What is your name?", { name: { type: "string" } });
const asks = (inputRequests, requestState) => ({ resultType: "input_required", inputRequests, ...(requestState && { requestState }) });

// What a state says is ours.
const KEY = randomBytes(32);
const seal = (words) => `${words}.${createHmac("sha256", KEY).update(words).digest("hex")}`;
const opened = (state) => {
  const words = String(state ?? "").split(".")[0];
  if (state !== seal(words)) throw new sdk.ProtocolError(-32602, "the state is not ours");
  return words;
};
const answers = (context) => context.mcpReq.inputResponses ?? {};
const accepted = (answer, name) => typeof answer?.content?.[name] === "string";

const PRIMITIVES = {
  name: { type: "string", default: "John Doe" },
  age: { type: "integer", default: 30 },
  score: { type: "number", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", default: true },
};
const titled = (first) => ["First", "Second", "Third"].map((word, at) => ({ const: `value${at + 1}`, title: `${word} ${first}` }));
const CHOICES = {
  untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
  titledSingle: { type: "string", oneOf: titled("Option") },
  legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["Option One", "Option Two", "Option Three"] },
  untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
  titledMulti: { type: "array", items: { anyOf: titled("Choice") } },
};
// What older revisions ask by a request of the server's own.
const elicits = async (message, properties, context, words) => {
  const requestedSchema = { type: "object", properties, required: [] };
  const { action, content } = await context.mcpReq.send({ method: "elicitation/create", params: { message, requestedSchema } });
  return text(`${words}: action=${action}, content=${JSON.stringify(content ?? {})}`);
};

const tools = {
  test_simple_text: () => text("This is a simple text response for testing."),
  test_image_content: () => ({ content: [image] }),
  test_audio_content: () => ({ content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }] }),
  test_embedded_resource: () => ({ content: [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")] }),
  test_multiple_content_types: () => ({
    content: [
      ...text("Multiple content types test:").content,
      image,
      resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
  }),
  test_error_handling: () => ({ ...text("This tool intentionally returns an error for testing"), isError: true }),
  async test_tool_with_logging(_, context) {
    for (const words of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await context.mcpReq.log("info", words);
      await pause(50);
    }
    return text("logged");
  },
  async test_logging_tool(_, context) {
    await context.mcpReq.log("info", "logged where it is wanted");
    return text("logged");
  },
  async test_tool_with_progress(_, context) {
    const progressToken = context.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined)
        await context.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 100 } });
      await pause(50);
    }
    return text("done");
  },
  async test_sampling({ prompt }, context) {
    const { content } = await context.mcpReq.send(sample(prompt, 100));
    return text(`LLM response: ${content.text}`);
  },
  async test_elicitation({ message }, context) {
    const question = form(message, { username: { type: "string", description: "User's response" }, email: { type: "string", description: "User's email address" } });
    const { action, content } = await context.mcpReq.send(question);
    return text(`User response: action: ${action}, content: ${JSON.stringify(content ?? {})}`);
  },
  test_elicitation_sep1034_defaults: (_, context) => elicits("Please review", PRIMITIVES, context, "Elicitation completed"),
  test_elicitation_sep1330_enums: (_, context) => elicits("Please choose", CHOICES, context, "Elicitation completed"),
  test_custom_headers: ({ region }) => text(region),
  test_missing_capability(_, context) {
    const able = context.mcpReq.envelope?.["io.modelcontextprotocol/clientCapabilities"] ?? {};
    if (!able.sampling) throw new sdk.MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
    return text("able");
  },
  test_streaming_elicitation: (_, context) => (answers(context).user_name ? text("done") : asks({ user_name: named })),
  test_trigger_tool_change() {
    handler.notify.toolsChanged();
    return text("changed");
  },
  test_trigger_prompt_change() {
    handler.notify.promptsChanged();
    return text("changed");
  },
  test_input_required_result_elicitation(_, context) {
    const { user_name } = answers(context);
    return accepted(user_name, "name") ? text(`Hello, ${user_name.content.name}!`) : asks({ user_name: named });
  },
  test_input_required_result_sampling(_, context) {
    const { capital_question: told } = answers(context);
    return told ? text(told.content.text) : asks({ capital_question: sample("What is the capital of France?", 100) });
  },
  test_input_required_result_list_roots(_, context) {
    const { client_roots: told } = answers(context);
    return told ? text(told.roots.map((root) => root.uri).join(" ")) : asks({ client_roots: roots });
  },
  test_input_required_result_request_state(_, context) {
    if (!answers(context).confirm) return asks({ confirm: form("Please confirm", { ok: { type: "boolean" } }) }, seal("confirm"));
    opened(context.mcpReq.requestState());
    return text("state-ok");
  },
  test_input_required_result_multiple_inputs(_, context) {
    const told = answers(context);
    const all = ["user_name", "greeting", "client_roots"];
    if (!all.every((name) => told[name])) return asks({ user_name: named, greeting: sample("Generate a greeting", 50), client_roots: roots }, seal("all"));
    opened(context.mcpReq.requestState());
    return text("all of it");
  },
  test_input_required_result_multi_round(_, context) {
    const { step1, step2 } = answers(context);
    if (step2) return text(`${opened(context.mcpReq.requestState())} and ${step2.content.color}`);
    const color = form("Step 2: What is your favorite color?", { color: { type: "string" } });
    if (step1) return asks({ step2: color }, seal(`${opened(context.mcpReq.requestState())} ${step1.content.name}`));
    return asks({ step1: form("Step 1: What is your name?", { name: { type: "string" } }) }, seal("name"));
  },
  test_input_required_result_tampered_state(_, context) {
    if (!answers(context).confirm) return asks({ confirm: form("Please confirm", { ok: { type: "boolean" } }) }, seal("confirm"));
    return text(opened(context.mcpReq.requestState()));
  },
  test_input_required_result_capabilities(_, context) {
    const able = context.mcpReq.envelope?.["io.modelcontextprotocol/clientCapabilities"] ?? {};
    const told = answers(context);
    if (Object.keys(told).length > 0) return text("told");
    const questions = { ...(able.elicitation && { user_name: named }), ...(able.sampling && { greeting: sample("Generate a greeting", 50) }) };
    return Object.keys(questions).length > 0 ? asks(questions) : text("nothing to ask with");
  },
};
const schemas = {
  test_custom_headers: { region: { type: "string", "x-mcp-header": "Region" } },
  test_sampling: { prompt: { type: "string" } },
  test_elicitation: { message: { type: "string" } },
};
const described = Object.keys(tools).map((name) => {
  const properties = schemas[name] ?? {};
  const readOnlyHint = true;
  return { name, description: `The suite's ${name}.`, inputSchema: { type: "object", properties, required: Object.keys(properties) }, annotations: { readOnlyHint } };
});

const texts = { "test://static-text": "This is the content of the static text resource.", "test://watched-resource": "Watched." };
const read = (uri) => {
  if (uri in texts) return { uri, mimeType: "text/plain", text: texts[uri] };
  if (uri === "test://static-binary") return { uri, mimeType: "image/png", blob: PNG };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id) return { uri, mimeType: "application/json", text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) };
  throw new sdk.ProtocolError(-32602, "Resource not found", { uri });
};

const user = (content) => ({ role: "user", content });
const say = (words) => user({ type: "text", text: words });
const prompts = {
  test_simple_prompt: () => [say("This is a simple prompt for testing.")],
  test_prompt_with_arguments: ({ arg1, arg2 }) => [say(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  test_prompt_with_embedded_resource: ({ resourceUri }) => [
    user(resource(resourceUri, "text/plain", "Embedded resource content for testing.")),
    say("Please process the embedded resource above."),
  ],
  test_prompt_with_image: () => [user(image), say("Please analyze the image above.")],
  test_input_required_result_prompt: (_, context) => answers(context).user_context && [say("With context.")],
};
const wanted = { test_prompt_with_arguments: ["arg1", "arg2"], test_prompt_with_embedded_resource: ["resourceUri"] };

function make() {
  const capabilities = {
    tools: { listChanged: true }, prompts: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {}, completions: {},
  };
  const cacheHints = Object.fromEntries(
    ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"].map((method) => [method, { ttlMs: 1000, cacheScope: "public" }]),
  );
  const server = new sdk.Server({ name: "suite", version: "1" }, { capabilities, cacheHints });
  const on = (method, answer) => server.setRequestHandler(method, (request, context) => answer(request.params ?? {}, context));
  on("tools/list", () => ({ tools: described }));
  on("tools/call", ({ name, arguments: given }, context) => {
    if (!Object.hasOwn(tools, name)) throw new sdk.ProtocolError(-32602, "no such tool");
    return tools[name](given ?? {}, context);
  });
  on("resources/list", () => ({ resources: [...Object.keys(texts), "test://static-binary"].map((uri) => ({ uri, name: uri })) }));
  on("resources/templates/list", () => ({ resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template" }] }));
  on("resources/read", ({ uri }) => ({ contents: [read(uri)] }));
  on("prompts/list", () => ({
    prompts: Object.keys(prompts).map((name) => ({ name, description: `The suite's ${name}.`, arguments: (wanted[name] ?? []).map((name) => ({ name, required: true })) })),
  }));
  on("prompts/get", ({ name, arguments: given }, context) => {
    const messages = prompts[name](given ?? {}, context);
    return messages ? { messages } : asks({ user_context: form("What context should the prompt use?", { context: { type: "string" } }) });
  });
  on("completion/complete", ({ argument }) => ({ completion: { values: ["paris", "park", "party"].filter((word) => word.startsWith(argument.value)), hasMore: false } }));
  on("resources/subscribe", () => ({}));
  on("resources/unsubscribe", () => ({}));
  on("logging/setLevel", () => ({}));
  return server;
}

const handler = sdk.createMcpHandler(make, { legacy: "reject" });
const sessions = new Map();

// The older revisions: a session has a server of its own.
async function inSession(request) {
  const known = sessions.get(request.headers.get("mcp-session-id"));
  if (known) return known.handleRequest(request);
  const transport = new sdk.WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => void sessions.set(id, transport),
  });
  await make().connect(transport);
  return transport.handleRequest(request);
}

const server = createServer(async (incoming, outgoing) => {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const url = `http://${incoming.headers.host}${incoming.url}`;
  const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
  const request = new Request(url, { method: incoming.method, headers: incoming.headers, body, signal: gone.signal });
  try {
    const refused = sdk.hostHeaderValidationResponse(request, sdk.localhostAllowedHostnames()) ?? sdk.originValidationResponse(request, sdk.localhostAllowedOrigins());
    const response = refused ?? ((await sdk.isLegacyRequest(request.clone())) ? await inSession(request) : await handler.fetch(request));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.flushHeaders();
    for await (const chunk of response.body ?? []) outgoing.write(chunk);
    outgoing.end();
  } catch (error) {
    if (!gone.signal.aborted) console.error(error);
    if (!outgoing.headersSent) outgoing.writeHead(500);
    outgoing.end();
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
