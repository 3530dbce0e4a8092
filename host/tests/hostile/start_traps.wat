;; load module.format
(func $start unreachable)
(start $start)
