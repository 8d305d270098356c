//! A peer of the yardstick: Pingora, routed by X-Sandbox-ID over a table in memory, one worker thread.
//!
//! Arguments: ADDRESS TLS-ADDRESS CERTIFICATE KEY MAP, the map with a line "sbN ADDRESS:PORT" for each sandbox.
use async_trait::async_trait;
use pingora_core::prelude::*;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{http_proxy_service, ProxyHttp, Session};
use std::collections::HashMap;

struct Router {
    table: HashMap<String, String>,
}

#[async_trait]
impl ProxyHttp for Router {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, session: &mut Session, _: &mut ()) -> Result<Box<HttpPeer>> {
        let fields = &session.req_header().headers;
        let id = fields
            .get("x-sandbox-id")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        match self.table.get(id) {
            Some(address) => Ok(Box::new(HttpPeer::new(
                address.as_str(),
                false,
                String::new(),
            ))),
            None => Err(Error::explain(HTTPStatus(404), "no such sandbox")),
        }
    }
}

fn read_table(path: &str) -> HashMap<String, String> {
    let text = std::fs::read_to_string(path).expect("the map cannot be read");
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, address)| (name.to_string(), address.trim().to_string()))
        .collect()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, tls_address, certificate, key, map] = words.as_slice() else {
        eprintln!("usage: pingora-peer ADDRESS TLS-ADDRESS CERTIFICATE KEY MAP");
        std::process::exit(2);
    };
    let configuration = ServerConf {
        threads: 1,
        work_stealing: false,
        upstream_keepalive_pool_size: 16384,
        ..Default::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, configuration);
    server.bootstrap();
    let mut service = http_proxy_service(
        &server.configuration,
        Router {
            table: read_table(map),
        },
    );
    service.add_tcp(address);
    let mut tls = pingora_core::listeners::tls::TlsSettings::intermediate(certificate, key)
        .expect("certificate");
    tls.enable_h2();
    service.add_tls_with_settings(tls_address, None, tls);
    server.add_service(service);
    server.run_forever();
}
