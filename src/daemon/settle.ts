/** Waiting for one thing after the other. */

/** Keeps nothing of what it waited for: there will be many. */
export async function bothSettle(first: Promise<void>, second: Promise<void>): Promise<void> {
  await first;
  await second;
}
