#include "control/redis.h"

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <array>
#include <new>
#include <utility>

#include "base/assert.h"
#include "control/redis_socket.h"

namespace sandgate::control {
namespace {

// What hiredis calls for each value of a reply. Null is "out of memory" to it, which ends the reading.
RedisReply* new_reply(RedisReply::Kind kind) {
  auto* reply = new (std::nothrow) RedisReply;
  if (reply != nullptr) reply->kind = kind;
  return reply;
}

void* on_string(const redisReadTask* task, char* text, size_t size) {
  using Kind = RedisReply::Kind;
  auto* reply = new_reply(task->type == REDIS_REPLY_ERROR    ? Kind::kError
                          : task->type == REDIS_REPLY_STATUS ? Kind::kStatus
                                                             : Kind::kData);
  if (reply != nullptr) reply->text.assign(text, size);  // bounded by what was fed
  return reply;
}

/// No command that is sent here has an array for an answer, and this version believes any number of elements.
void* on_array(const redisReadTask*, int) { return nullptr; }

void* on_integer(const redisReadTask*, long long value) {
  auto* reply = new_reply(RedisReply::Kind::kInteger);
  if (reply != nullptr) reply->integer = value;
  return reply;
}

void* on_nil(const redisReadTask*) { return new_reply(RedisReply::Kind::kNil); }

void on_free(void* reply) { delete static_cast<RedisReply*>(reply); }

// The C library takes it without const and does not write to it.
redisReplyObjectFunctions functions = {on_string, on_array, on_integer, on_nil, on_free};

/// An error to an unknown command repeats its arguments, and a password may be among them.
std::string without_arguments(const std::string& text) { return text.substr(0, text.find(", with args")); }

/// Would what follows be refused, or go where nobody looks?
bool refuses_password(const std::string& text) {
  return text.starts_with("WRONGPASS") || text.starts_with("NOAUTH") || text.find("invalid password") != text.npos ||
         text.find("invalid username") != text.npos;
}
bool lacks_database(const std::string& text) {
  return text.find("DB index") != text.npos || text.find("cluster mode") != text.npos;
}

}  // namespace

void RedisPipeline::add(std::initializer_list<std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.empty() ? "" : word.data());
    sizes.push_back(word.size());
  }
  char* formatted = nullptr;
  const int size = ::redisFormatCommandArgv(&formatted, static_cast<int>(texts.size()), texts.data(), sizes.data());
  if (size < 0) throw std::bad_alloc();
  bytes_.append(formatted, static_cast<size_t>(size));
  ::redisFreeCommand(formatted);
  ++commands_;
}

struct RedisConnection::Reader {
  Reader() : reader(::redisReaderCreateWithFunctions(&functions)) {
    if (reader == nullptr) throw std::bad_alloc();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { ::redisReaderFree(reader); }

  /// The next whole reply, if it is there.
  Result<std::optional<RedisReply>> next() {
    void* found = nullptr;
    if (::redisReaderGetReply(reader, &found) != REDIS_OK) {
      const std::string what = reader->err == REDIS_ERR_OOM ? "an array, or no memory" : reader->errstr;
      return fail("unexpected reply: " + what);
    }
    if (found == nullptr) return std::optional<RedisReply>{};
    const std::unique_ptr<RedisReply> reply(static_cast<RedisReply*>(found));
    return std::optional<RedisReply>(std::move(*reply));
  }

  redisReader* reader;
};

RedisConnection::RedisConnection(RedisOptions options)
    : options_(std::move(options)), socket_(std::make_unique<RedisSocket>()) {}
RedisConnection::~RedisConnection() = default;

bool RedisConnection::connected() const { return socket_->is_open(); }
void RedisConnection::close() { socket_->close(); }

Result<void> RedisConnection::connect(std::stop_token stop) {
  if (socket_->is_quiet()) return {};
  const MonoTime deadline = deadline_after(steady_now(), options_.connect_limit);
  if (auto opened = socket_->open(options_.dsn, {deadline, stop}); !opened) {
    return fail(address() + ": " + opened.error().message);
  }
  if (auto ready = log_in(deadline, stop); !ready) {
    close();
    return fail(address() + ": " + ready.error().message);
  }
  return {};
}

Result<void> RedisConnection::log_in(MonoTime deadline, const std::stop_token& stop) {
  const RedisDsn& dsn = options_.dsn;
  RedisPipeline pipeline;
  std::optional<size_t> auth;
  std::optional<size_t> select;
  if (!dsn.password.empty()) {
    auth = pipeline.commands();
    if (dsn.user.empty()) {
      pipeline.add({"AUTH", dsn.password.reveal()});
    } else {
      pipeline.add({"AUTH", dsn.user, dsn.password.reveal()});
    }
  }
  if (dsn.db != 0) {
    select = pipeline.commands();
    pipeline.add({"SELECT", std::to_string(dsn.db)});
  }
  pipeline.add({"CLIENT", "SETNAME", options_.client_name});
  pipeline.add({"CLIENT", "SETINFO", "LIB-NAME", options_.client_name});  // Redis 7.2
  const auto replies = exchange(pipeline, deadline, stop);
  if (!replies) return fail("log in: " + replies.error().message);
  if (auth && (*replies)[*auth].is_error() && refuses_password((*replies)[*auth].text)) {
    return fail("the password was refused: " + without_arguments((*replies)[*auth].text));
  }
  if (select && (*replies)[*select].is_error() && lacks_database((*replies)[*select].text)) {
    return fail("there is no database " + std::to_string(dsn.db) + ": " + without_arguments((*replies)[*select].text));
  }
  return {};
}

Result<std::vector<RedisReply>> RedisConnection::run(const RedisPipeline& pipeline, std::stop_token stop) {
  SG_ASSERT(connected());
  auto replies = exchange(pipeline, deadline_after(steady_now(), options_.operation_limit), stop);
  if (replies) return replies;
  close();
  return fail(address() + ": " + replies.error().message);
}

Result<std::vector<RedisReply>> RedisConnection::exchange(const RedisPipeline& pipeline, MonoTime deadline,
                                                          const std::stop_token& stop) {
  const RedisWait wait{deadline, stop};
  if (auto sent = socket_->send(pipeline.bytes(), wait); !sent) return tl::unexpected(sent.error());
  Reader reader;
  std::vector<RedisReply> replies;
  replies.reserve(pipeline.commands());
  size_t fed = 0;
  std::array<char, 4096> block;
  while (replies.size() < pipeline.commands()) {
    auto reply = reader.next();
    if (!reply) return tl::unexpected(reply.error());
    if (*reply) {
      replies.push_back(std::move(**reply));
      continue;
    }
    if (fed >= kRedisReplyBytesMax * pipeline.commands()) {
      return fail("the replies are longer than " + std::to_string(kRedisReplyBytesMax) + " bytes for each command");
    }
    const auto got = socket_->receive(block, wait);
    if (!got) return tl::unexpected(got.error());
    fed += *got;
    if (::redisReaderFeed(reader.reader, block.data(), *got) != REDIS_OK) return fail("no memory for a reply");
  }
  return replies;
}

}  // namespace sandgate::control
