use clap::Parser;
#[derive(clap::Parser)]
struct A {
    #[command(flatten)]
    a: postroom::cli::sandbox::SandboxArgs,
}
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    postroom::cli::sandbox::run(A::parse().a, async {
        let _ = tokio::signal::ctrl_c().await;
    })
    .await
}
