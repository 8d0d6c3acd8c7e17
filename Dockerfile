# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t temper .
#   docker run --rm -p 127.0.0.1:8080:8080 -v "$PWD/key:/run/key:ro" temper \
#       serve --host 0.0.0.0 --port 8080 --key-file /run/key
#
# Inside a container the server has to bind every interface, and so it wants a key; see `temper serve --help` for the
# flag that allows to go without.

FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4-openssl-dev libz-dev \
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
    && apt-get install -y --no-install-recommends ca-certificates curl libcurl4 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin temper
WORKDIR /opt/temper
COPY --from=build /out/temper bin/temper
COPY Models Models
COPY Public Public
ENV PATH=/opt/temper/bin:$PATH
USER temper
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s --retries=3 \
    CMD curl --fail --silent --show-error http://127.0.0.1:8080/livez || exit 1
STOPSIGNAL SIGTERM
ENTRYPOINT ["temper"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
