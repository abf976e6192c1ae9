/** The services that tests use, as the environment names them: see tests/services/services.sh. */
export interface Services {
  /** `amqp://user:password@host:port`, without a vhost: its user may make vhosts, and each test has its own. */
  readonly rabbitUrl: string
  /** The same broker over TLS; its certificate is for `localhost`, by the authority `tlsCa`. */
  readonly rabbitTlsUrl: string
  /** `http://user:password@host:port` of its management plugin. */
  readonly rabbitManagementUrl: string
  readonly databaseUrl: string
  /** The same database with `sslmode=verify-full`; its certificate is by the authority `tlsCa`. */
  readonly databaseTlsUrl: string
  readonly s3: S3Service
  /** A file: the certificate authority of all three. */
  readonly tlsCa: string
}

interface S3Service {
  readonly endpoint: string
  /** The same server over TLS; its certificate is for `localhost`, by the authority `tlsCa`. */
  readonly tlsEndpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Reads the variables as they are used: reading one that is not set throws a sentence that says what to do. */
export function services(env: Readonly<Record<string, string | undefined>> = process.env): Services {
  const read = (name: string): string => {
    const value = env[name]
    if (value) return value
    throw new Error(
      `${name} is not set: run eval "$(tests/services/services.sh start)" first, or all tests with npm test`,
    )
  }
  return {
    get rabbitUrl() {
      return read('RABBIT_URL')
    },
    get rabbitTlsUrl() {
      return read('RABBIT_TLS_URL')
    },
    get rabbitManagementUrl() {
      return read('RABBIT_MANAGEMENT_URL')
    },
    get databaseUrl() {
      return read('DATABASE_URL')
    },
    get databaseTlsUrl() {
      return read('DATABASE_TLS_URL')
    },
    get tlsCa() {
      return read('TLS_CA')
    },
    s3: {
      get endpoint() {
        return read('S3_ENDPOINT')
      },
      get tlsEndpoint() {
        return read('S3_TLS_ENDPOINT')
      },
      get region() {
        return read('AWS_REGION')
      },
      get accessKeyId() {
        return read('AWS_ACCESS_KEY_ID')
      },
      get secretAccessKey() {
        return read('AWS_SECRET_ACCESS_KEY')
      },
    },
  }
}
