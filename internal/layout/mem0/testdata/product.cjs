// Writes a store with mem0's own TypeScript library, or shows one as it reads it.
//
//   product.cjs write|read LOCATION HISTORY [SCOPE...]
"use strict";
const crypto = require("crypto");
const http = require("http");
const { Memory } = require("mem0ai/oss");

const [mode, location, history, ...scopes] = process.argv.slice(2);
console.log = console.error; // the library talks

// embed is a vector of a text, and answers as the service would that the library asks.
function embed(text, dimension) {
  const sum = crypto.createHash("sha256").update(text).digest();
  return Float32Array.from({ length: dimension }, (_, i) => sum[i % 32] / 255 - 0.5);
}

function serve(dimension) {
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      const asked = JSON.parse(body);
      const data = [].concat(asked.input).map((text, index) => {
        const v = embed(text, dimension);
        const base64 = Buffer.from(v.buffer).toString("base64");
        return { object: "embedding", index, embedding: asked.encoding_format === "base64" ? base64 : Array.from(v) };
      });
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ object: "list", data, model: "m", usage: { prompt_tokens: 0, total_tokens: 0 } }));
    });
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

async function dimensionOf() {
  if (mode === "write") return 8;
  if (location.startsWith("postgres")) {
    const { Client } = require("pg");
    const client = new Client({ connectionString: location });
    await client.connect();
    const rows = await client.query("SELECT atttypmod AS n FROM pg_attribute WHERE attrelid = 'mem0'::regclass AND attname = 'vector'");
    await client.end();
    return rows.rows[0].n;
  }
  const db = require("better-sqlite3")(location, { readonly: true });
  const row = db.prepare("SELECT length(vector) / 4 AS n FROM vectors ORDER BY length(vector) DESC").get();
  db.close();
  return (row && row.n) || 8;
}

async function open(server, dimension) {
  const embedder = { provider: "openai", config: { apiKey: "none", model: "m", baseURL: `http://127.0.0.1:${server.address().port}/v1`, embeddingDims: dimension } };
  const vectorStore = location.startsWith("postgres")
    ? { provider: "pgvector", config: { connectionString: location, collectionName: "mem0", embeddingModelDims: dimension, dimension } }
    : { provider: "memory", config: { dbPath: location, collectionName: "mem0", dimension } };
  const memory = new Memory({ embedder, vectorStore, historyDbPath: history, llm: { provider: "openai", config: { apiKey: "none" } } });
  await memory._ensureInitialized();
  return memory;
}

async function write(memory) {
  for (let i = 0; i < 30; i++) {
    const config = { infer: false, metadata: { topic: "t" + i, n: { x: [1, 2.5, null, true, 1e21, "\u00e9\u2028"] } } };
    if (i % 3 === 0) config.agentId = "otter";
    if (i % 4 === 0) config.runId = "r" + i;
    if (i % 5 === 0) config.expirationDate = "2099-01-01";
    await memory.add(`Memory ${i} \u2603\u{1F600} "quoted" \\ \u007f end`, { ...config, userId: "ada" });
  }
  const { results } = await memory.getAll({ filters: { user_id: "ada" }, topK: 1000 });
  await memory.update(results[0].id, "the library wrote this");
  await memory.update(results[1].id, { text: "and this", metadata: { topic: "new" } });
  await memory.delete(results[2].id);
  await memory.add("Bob drinks coffee", { infer: false, userId: "bob", metadata: { topic: "coffee" } });
}

async function read(memory) {
  const out = { Memories: {}, Found: [], History: [] };
  for (const scope of scopes) {
    const [name, value] = scope.split("=");
    const filters = { [name]: value };
    const rows = value === "*" ? (await memory.vectorStore.list({}, 100000))[0].map((r) => r.payload[name]).filter(Boolean) : [value];
    for (const one of new Set(rows)) {
      filters[name] = one;
      for (const m of (await memory.getAll({ filters, topK: 100000 })).results) out.Memories[m.id] = m;
      for (const m of (await memory.search("tea", { filters, topK: 5, threshold: 0 })).results) out.Found.push(m.id);
    }
  }
  for (const id of Object.keys(out.Memories)) {
    if (!(await memory.get(id))) throw new Error("get does not see " + id);
    out.History.push(...(await memory.history(id)));
  }
  process.stdout.write(JSON.stringify(out));
}

(async () => {
  const dimension = await dimensionOf();
  const server = await serve(dimension);
  const memory = await open(server, dimension);
  await (mode === "write" ? write(memory) : read(memory));
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
