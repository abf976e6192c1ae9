/** How many tasks a service has. */
export interface ServiceCounts {
  readonly service: string
  readonly desired: number
  readonly running: number
  readonly pending: number
}

/** Services that run tasks. All operations reject with a DuckfleetError: `usage`, `transient`, `aborted`. */
export interface Services {
  counts(service: string, signal: AbortSignal): Promise<ServiceCounts>
  /** Asks for so many tasks; resolves before they are there. */
  setDesired(service: string, tasks: number, signal: AbortSignal): Promise<ServiceCounts>
  close(): void
}
