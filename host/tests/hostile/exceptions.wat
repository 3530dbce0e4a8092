;; load module.compile
(tag $thrown)
