/**
 * Waits for parts that start concurrently. If one fails, disposes of the others once they have
 * started, and rejects with the failure.
 */
export async function startTogether<Parts extends readonly AsyncDisposable[]>(
  starting: readonly [...{ [At in keyof Parts]: Promise<Parts[At]> }],
): Promise<Parts> {
  const settled = await Promise.allSettled(starting);
  const failed = settled.find((result): result is PromiseRejectedResult => result.status === 'rejected');
  if (failed) {
    await using stack = new AsyncDisposableStack();
    for (const result of settled) if (result.status === 'fulfilled') stack.use(result.value);
    throw failed.reason;
  }
  // allSettled keeps the order, and every promise is fulfilled here; its type cannot express that.
  return Promise.all(starting) as unknown as Promise<Parts>;
}
