// A doubly linked list whose links live in the elements: no allocation, O(1) removal from inside.
#pragma once

#include "base/assert.h"

namespace sandgate {

/// Base of an element. One ListNode is in at most one list; destroying a linked element unlinks it.
template <class Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class, class>
  friend class IntrusiveList;
  ListNode* next_ = nullptr;
  ListNode* prev_ = nullptr;
};

/// T derives from ListNode<Tag>. The list owns nothing. Not movable: its elements point at it.
template <class T, class Tag>
class IntrusiveList {
 public:
  IntrusiveList() { head_.next_ = head_.prev_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty()) front().ListNode<Tag>::unlink();
    head_.next_ = head_.prev_ = nullptr;
  }

  bool empty() const { return head_.next_ == &head_; }
  T& front() { return static_cast<T&>(*head_.next_); }
  T& back() { return static_cast<T&>(*head_.prev_); }
  void push_back(T& element) { insert_before(head_, element); }
  void push_front(T& element) { insert_before(*head_.next_, element); }
  static void remove(T& element) { element.ListNode<Tag>::unlink(); }

  /// `each` may unlink the element it is given, no other.
  template <class Each>
  void for_each(Each&& each) {
    for (ListNode<Tag>* node = head_.next_; node != &head_;) {
      ListNode<Tag>* next = node->next_;
      each(static_cast<T&>(*node));
      node = next;
    }
  }

 private:
  void insert_before(ListNode<Tag>& at, ListNode<Tag>& node) {
    SG_ASSERT(!node.linked());
    node.next_ = &at;
    node.prev_ = at.prev_;
    at.prev_->next_ = &node;
    at.prev_ = &node;
  }
  ListNode<Tag> head_;
};

}  // namespace sandgate
