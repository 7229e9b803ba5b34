// An open file that is closed on every way out.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <utility>

namespace medgen::base {

// Standard streams may be of somebody who has them not block: waits where a call says EAGAIN.
// `events`: POLLIN or POLLOUT.
inline void wait_for(int fd, short events) {
  pollfd file{fd, events, 0};
  (void)::poll(&file, 1, -1);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  // Some file systems report a failed write only here.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

}  // namespace medgen::base
