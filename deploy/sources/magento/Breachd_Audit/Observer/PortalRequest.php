<?php

declare(strict_types=1);

namespace Breachd\Audit\Observer;

use Breachd\Audit\Model\CurrentPerson;
use Breachd\Audit\Model\PersonName;
use Magento\Customer\Model\Session;
use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;

/** Who works in the shop or a portal built on customer accounts. */
class PortalRequest implements ObserverInterface
{
    public function __construct(private Session $session)
    {
    }

    public function execute(Observer $observer)
    {
        CurrentPerson::isUnknown();
        $id = (int) $this->session->getCustomerId();
        if ($id > 0) {
            CurrentPerson::is(PersonName::ofCustomer($id));
        }
    }
}
