# Postroom in a container.
#
#   docker build -t postroom .
#   docker run -p 25:25 -v postroom:/var/lib/postroom \
#     -v ./postroom.toml:/etc/postroom/postroom.toml:ro postroom
#
# Leave data_dir at its default. To reach health and metrics from outside the container, set
# admin.address = "0.0.0.0:8025". Environment variables override keys of the configuration, for
# example -e POSTROOM_ACCOUNT__0__ADDRESS=scanner@contoso.com.

FROM rust:1.95-slim-bookworm AS build
# The legacy TLS support builds its own OpenSSL, which requires perl and make.
RUN apt-get update && apt-get install -y --no-install-recommends make perl && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY crates crates
COPY src src
COPY docs/quirks.md docs/
COPY systemd/secrets.conf systemd/
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin postroom && objcopy --strip-all target/release/postroom /postroom

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10025 --user-group --home-dir /var/lib/postroom --no-create-home postroom \
    && install -d -m 0700 -o postroom -g postroom /var/lib/postroom && install -d -m 0755 /etc/postroom
COPY --from=build /postroom /usr/bin/postroom
COPY config/postroom.toml config/reference.toml /usr/share/doc/postroom/
# Since version 20.10, Docker lets any user bind port 25 inside the container
# (net.ipv4.ip_unprivileged_port_start=0).
USER postroom
VOLUME /var/lib/postroom
EXPOSE 25 587 8025
# Give the container more time to stop than stop_timeout in the configuration (60 s):
# docker stop --time=90, or stop_grace_period: 90s.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["postroom", "status"]
ENTRYPOINT ["postroom"]
CMD ["run"]
