// A Restate service: one virtual object per session, whose turn is a number of
// ctx.run steps with a result of 1 KB each. It answers how long each took, in
// milliseconds.
import * as restate from "@restatedev/restate-sdk";

// The SDK calls it; Node 20 does not have it.
Promise.withResolvers ??= () => {
  const all = {};
  all.promise = new Promise((resolve, reject) => Object.assign(all, { resolve, reject }));
  return all;
};

const result = "x".repeat(1024);

const session = restate.object({
  name: "session",
  handlers: {
    turn: async (ctx, { steps }) => {
      const took = [];
      for (let i = 0; i < steps; i++) {
        const from = performance.now();
        await ctx.run("step", () => result);
        took.push(performance.now() - from);
      }
      return took;
    },
  },
});

restate.serve({ services: [session], port: Number(process.argv[2]), logger: () => {} });
