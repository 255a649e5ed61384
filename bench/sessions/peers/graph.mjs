// A graph whose one node runs as often as the input says and writes 1 KB each
// time; the state keeps when each ran, in milliseconds.
import { Annotation, END, START, StateGraph } from "@langchain/langgraph";

const last = (value) => Annotation({ reducer: (_, next) => next, default: () => value });
const state = Annotation.Root({ steps: last(0), at: last([]), result: last("") });
const result = "x".repeat(1024);

const step = (s) => ({ at: [...s.at, performance.now()], result });

export const graph = new StateGraph(state)
  .addNode("step", step)
  .addEdge(START, "step")
  .addConditionalEdges("step", (s) => (s.at.length < s.steps ? "step" : END))
  .compile();
