/** Edges of the code at which no worker is killed, each with the reason. */
export const NOT_REACHED: Readonly<Record<string, string>> = {
};
