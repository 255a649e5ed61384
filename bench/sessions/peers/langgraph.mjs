// LangGraph's server without the file watcher of its command: the port, and
// the directory it writes what it has in memory to every now and then.
import { fileURLToPath } from "node:url";
import { startServer } from "@langchain/langgraph-api/server";

const [port, cwd] = process.argv.slice(2);
const graph = fileURLToPath(new URL("./graph.mjs", import.meta.url));
await startServer({ port: Number(port), nWorkers: 64, host: "127.0.0.1", cwd, graphs: { bench: `${graph}:graph` } });
