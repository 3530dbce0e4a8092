;; load module.format
(func $start (loop $again (br $again)))
(start $start)
