# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t temper .
#
# For this machine alone, without a key:
#   docker run --rm -p 127.0.0.1:8080:8080 -e TEMPER_ALLOW_INSECURE_BIND=1 temper
#
# For other machines, with a key. The server reads the file as the user that it runs as, and only if nobody else may
# (mode 600): so it runs as the file's owner.
#   (umask 077 && openssl rand -hex 32 > key)
#   docker run --rm -p 8080:8080 --user "$(id -u):$(id -g)" -v "$PWD/key:/run/key:ro" -e TEMPER_KEY_FILE=/run/key temper
#
# Inside a container the server binds every interface, which it does only with a key or the flag above; with neither it
# says so and ends. Options of `temper serve` are added at the end, after `serve`; models of one's own are mounted:
#   docker run … -v "$PWD/model.gguf:/models/model.gguf:ro" temper serve /models/model.gguf --ctx 4096

FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4-openssl-dev libsqlite3-dev libz-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib --product temper \
    && install -D .build/release/temper /out/temper

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl libcurl4 libsqlite3-0 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin temper
WORKDIR /opt/temper
COPY --from=build /out/temper bin/temper
COPY Models Models
COPY Public Public
ENV PATH=/opt/temper/bin:$PATH TEMPER_HOST=0.0.0.0 TEMPER_PORT=8080
USER temper
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s --retries=3 \
    CMD curl --fail --silent --show-error http://127.0.0.1:8080/livez || exit 1
STOPSIGNAL SIGTERM
ENTRYPOINT ["temper"]
CMD ["serve"]
