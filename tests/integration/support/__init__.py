"""What the integration tests are made of: a raw client, a scriptable sandbox, a DNS server, WebSocket frames, a router."""
