#include "front/front_end.h"

namespace sandgate::front {

void Target::clear() {
  ns.clear();
  id.clear();
  uid.clear();
  authority.clear();
  dns_name.clear();
  expected.clear();
  name_for_new_connections = false;
  address.reset();
  port = 0;
  known = false;
  table_generation = 0;
}

void Answer::clear() {
  status = 200;
  body.clear();
  content_type = {};
  fields.clear();
  close = false;
}

void Plan::clear() {
  verdict = Verdict::kFail;
  failure = {};
  answer.clear();
  target.clear();
  path = {};
  path_storage.clear();
  timeout = Millis(0);
  websocket = false;
  upgrade = {};
  ws_key.clear();
  client_key.clear();
  strip_authorization = true;
  forwarded_for.clear();
  forwarded_host.clear();
  made.clear();
  message.clear();
  subject.clear();
  request_id.clear();
  log_path = {};
  retry_after_s = 0;
  html = false;
  drop = {};
  wait_key.clear();
  wait_subject = Secret();
  wait_limit = Millis(0);
  granted_until = kFarFuture;
  place.release();
  account = {};
}

}  // namespace sandgate::front
