/** An error answer of the service: `{code, message, request_id, resource}` with its HTTP status. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly more: Readonly<Record<string, unknown>> = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export const badRequest = (message: string, code = 'ClientError.BadRequest'): ApiError => new ApiError(400, code, message);

export const noTask = (id: string): ApiError => new ApiError(404, 'ClientError.NotFound', `No task with id '${id}' found`);
