// A store that ends with its process: for tests, and where the budgets of a process are its own.

/** Keeps values in this process only. What was used before a restart can be used again. */
export function memory() {
  const values = new Map();
  return {
    async transact(keys, decide) {
      const found = keys.filter((key) => values.has(key));
      const { write = new Map(), forget } = decide(new Map(found.map((key) => [key, values.get(key)])));
      // Read as a whole before the first is kept.
      const written = [...write].map(([key, { value, until }]) => [key, { value, until }]);
      for (const [key, one] of written) values.set(key, one);
      if (forget === undefined) return;
      for (const [key, { until }] of values) if (until !== undefined && until < forget) values.delete(key);
    },
  };
}
