/** Whether a model has finished writing JSON, such as the arguments of a call. */
export const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};
