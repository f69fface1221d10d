/** Has an object's alarm go off at that time or before; gives when it does. In milliseconds since the epoch. */
export const wakeBy = async (storage: DurableObjectStorage, at: number): Promise<number> => {
  const set = await storage.getAlarm();
  if (set !== null && set <= at) return set;
  await storage.setAlarm(at);
  return at;
};
